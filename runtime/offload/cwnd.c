// SPDX-License-Identifier: Apache-2.0
#include "offload/cwnd.h"

#include <math.h>

#define LEAST 1.0
#define MOST  64.0

void mea_cwnd_answered(struct mea_cwnd *w, double ms, double share)
{
	w->answer_ms += (w->answer_ms > 0 ? 0.2 : 1) * (ms - w->answer_ms);
	if (share < 0.25)
		w->size += 1;
	else if (share < 0.5)
		w->size += 1 / w->size;
	else if (share > 0.75)
		w->size -= 0.5;
	w->size = fmax(LEAST, fmin(w->size, MOST));
}

void mea_cwnd_late(struct mea_cwnd *w, double ms)
{
	w->size = fmax(LEAST, w->size / 2);
	w->answer_ms = fmax(w->answer_ms, ms);
}

bool mea_cwnd_has_room(const struct mea_cwnd *w, int under_way)
{
	return under_way < (int)w->size;
}

double mea_cwnd_wait_ms(const struct mea_cwnd *w, int before)
{
	return w->answer_ms * (1 + (before + 1) / w->size);
}

bool mea_cwnd_is_least(const struct mea_cwnd *w)
{
	return w->size <= LEAST;
}

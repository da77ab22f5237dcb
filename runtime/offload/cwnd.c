// SPDX-License-Identifier: Apache-2.0
#include "offload/cwnd.h"

#include <math.h>

/* One request in 128 of its times is at most 1 % of a link that is too slow for any. */
#define LEAST (1.0 / 128)
#define MOST  64.0
/* Requests that queue: fewer do not use the link, more only wait. */
#define QUEUED_LEAST 1
#define QUEUED_MOST  2
/* An answer may take this part of its request's time; the rest is for what others do. */
#define PART 0.6
/* That much of its time must be left over when an answer is expected. */
#define SPARE 0.03
/* How long a time without others is believed, in ms. After that the window is emptied once, as BBR
 * does: a way that became longer looks like a queue. */
#define LEAST_LASTS 10000
/* After so many times of an answer in which none came, one request goes to see. */
#define STALE 5
/* New measurements' parts, as TCP has them for answers (RFC 6298). */
#define SMOOTH 0.25

static double clamp(double size)
{
	return fmax(LEAST, fmin(size, MOST));
}

static void learn(struct mea_cwnd *w, double ms, bool alone, double now)
{
	if (!(w->least_ms > 0) || ms < w->least_ms || (alone && now - w->least_at > LEAST_LASTS)) {
		w->least_ms = ms;
		w->least_at = now;
	}
	if (w->answer_ms > 0)
		w->deviation_ms += SMOOTH * (fabs(ms - w->answer_ms) - w->deviation_ms);
	w->answer_ms += (w->answer_ms > 0 ? SMOOTH : 1) * (ms - w->answer_ms);
}

void mea_cwnd_answered(struct mea_cwnd *w, const struct mea_cwnd_request *r, double now)
{
	double ms = fmax(now - r->sent, 0.001), queued, step = 1 / w->size;

	learn(w, ms, r->alone, now);
	w->ended_at = now;
	w->lates = 0;
	queued = w->size * (1 - w->least_ms / ms);
	if (w->size < 1) {
		w->size = fmin(1, (ms > PART * r->time_ms ? 1.25 : 2) * w->size);
	} else if (ms > PART * r->time_ms) {
		w->size = fmax(1, w->size - 0.5);
		w->found = true;
	} else if (queued > QUEUED_MOST) {
		w->size = fmax(1, w->size - step);
		w->found = true;
	} else if (queued >= QUEUED_LEAST) {
		w->found = true;
	} else if (r->full && ms + ms * step < PART * r->time_ms) {
		w->size += w->found ? step : 0.5;
	}
	w->size = clamp(w->size);
}

void mea_cwnd_late(struct mea_cwnd *w, const struct mea_cwnd_request *r, double now)
{
	w->ended_at = now;
	w->answer_ms = fmax(w->answer_ms, now - r->sent);
	/* Those that were sent before the window was cut say no more than the one that cut it. */
	if (r->sent < w->cut_at)
		return;
	w->cut_at = now;
	w->found = true;
	if (w->size > 1)
		w->size = fmax(1, w->size / 2);
	else if (w->lates++)
		w->size = clamp(w->size / 2);
}

/* Until when no request is sent, because the window is smaller than one. */
static double closed_until(const struct mea_cwnd *w)
{
	return w->size < 1 ? w->ended_at + w->answer_ms * (1 / w->size - 1) : -INFINITY;
}

bool mea_cwnd_has_room(const struct mea_cwnd *w, int under_way, double now)
{
	if (w->size < 1)
		return !under_way && now >= closed_until(w);
	if (w->size >= 2 && now - w->least_at > LEAST_LASTS)
		return !under_way;
	return under_way < (int)w->size;
}

bool mea_cwnd_in_time(const struct mea_cwnd *w, double wait_ms, double left_ms, double time_ms,
		      double now)
{
	double ms = w->answer_ms + w->deviation_ms + SPARE * time_ms;

	/* A window below one is a question whether the link is as slow as it was. */
	if (!(wait_ms > 0) && (w->size < 1 || now - w->ended_at > STALE * w->answer_ms))
		return true;
	return !(w->answer_ms > 0) || wait_ms + ms <= left_ms;
}

double mea_cwnd_wait_ms(const struct mea_cwnd *w, int before, double oldest, double now)
{
	double first = isinf(oldest) ? closed_until(w) : oldest + w->answer_ms;

	return fmax(0, first - now) + before * w->answer_ms / fmax(1, floor(w->size));
}

bool mea_cwnd_is_least(const struct mea_cwnd *w)
{
	return w->size <= 1;
}

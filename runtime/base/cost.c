// SPDX-License-Identifier: Apache-2.0
#include "base/cost.h"

void mea_cost_add(struct mea_cost *sum, const struct mea_cost *c)
{
	sum->ms += c->ms;
	sum->macs += c->macs;
	sum->cycles += c->cycles;
	sum->peak_macs += c->peak_macs;
	sum->bytes_up += c->bytes_up;
	sum->bytes_down += c->bytes_down;
	sum->sim_ms += c->sim_ms;
	for (int i = 0; i < MEA_EVENTS; i++)
		sum->events[i] += c->events[i];
}

// SPDX-License-Identifier: Apache-2.0
#include "device/log.h"

#include "base/array.h"
#include "sim/mea_sim.h"

#include <stdlib.h>
#include <string.h>

static void begin(struct mea_device_log *l, const struct mea_sim_notice *n)
{
	if (mea_grow(&l->command, l->n_commands, 1, sizeof(*l->command))) {
		l->incomplete = true;
		return;
	}
	l->command[l->n_commands++] =
		(struct mea_log_command){.queue = n->queue, .index = n->index, .begin = n->cycle};
}

/* Commands of a queue are complete in the order in which they began. */
static void end(struct mea_device_log *l, const struct mea_sim_notice *n)
{
	size_t *i = &l->next[n->queue];

	while (*i < l->n_commands && l->command[*i].queue != n->queue)
		(*i)++;
	if (*i == l->n_commands || l->command[*i].index != n->index) {
		l->incomplete = true;
		return;
	}
	l->command[*i].end = n->cycle + 1;
	if (n->queue == 3) {
		l->command[*i].dw_cycles = n->dw_cycles - l->dw_cycles;
		l->dw_cycles = n->dw_cycles;
	}
	(*i)++;
}

static void change_class(struct mea_device_log *l, const struct mea_sim_notice *n)
{
	if (mea_grow(&l->spell, l->n_spells, 1, sizeof(*l->spell))) {
		l->incomplete = true;
		return;
	}
	l->spell[l->n_spells++] = (struct mea_log_spell){n->index, n->cycle};
}

void mea_device_log_take(void *log, const struct mea_sim_notice *n)
{
	struct mea_device_log *l = log;

	switch (n->event) {
	case MEA_SIM_JOB:
		l->n_commands = l->n_spells = 0;
		l->incomplete = false;
		memset(l->next, 0, sizeof(l->next));
		l->dw_cycles = 0;
		break;
	case MEA_SIM_BEGIN:
		begin(l, n);
		break;
	case MEA_SIM_END:
		end(l, n);
		break;
	case MEA_SIM_CLASS:
		change_class(l, n);
		break;
	}
}

void mea_device_log_free(struct mea_device_log *l)
{
	free(l->command);
	free(l->spell);
	memset(l, 0, sizeof(*l));
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Four in-order queues, ordered among each other by tokens. A token says no more
 * than "one more of those you wait for is complete", so the k-th token given must
 * be the k-th taken: waits are added in program order and only for items later
 * than any waited for before, which makes both sides monotone.
 */
#include "plan/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

/* Loads that stand in the load queue ahead of the compute command that needs
 * them: one less than the queue holds, so that fetch never blocks on it. */
#define LOAD_AHEAD ((int)MEA_QUEUE_DEPTH - 1)

int mea_queue_add(struct queues *qs, int queue, uint32_t opcode, int layer)
{
	struct queue *q = &qs->q[queue];
	struct item *it;

	int rc = mea_grow(&q->item, (size_t)q->n, 1, sizeof(*q->item));

	if (rc)
		return rc;
	if (!q->n)
		for (int i = 0; i < N_QUEUES; i++)
			q->synced[i] = -1;
	it = &q->item[q->n];
	memset(it, 0, sizeof(*it));
	for (int i = 0; i < N_QUEUES; i++)
		it->gives[i] = it->takes[i] = -1;
	mea_put(it->cmd, MEA_F_CMD_OPCODE, opcode);
	mea_put(it->cmd, MEA_F_CMD_LAYER, (uint32_t)layer);
	return q->n++;
}

/* A queue that is far ahead, a layer's stores before the loads of the next, say, gives a token
 * for some items only: b waits for a later one, which it may, as what there is already cannot
 * wait for b. */
#define FAR_AHEAD 32

void mea_queue_sync(struct queues *qs, int qa, int a, int qb, int b)
{
	struct queue *from = &qs->q[qa], *to = &qs->q[qb];
	struct item *it = &to->item[b];

	if (a <= to->synced[qa])
		return;
	a += (from->n - 1 - a) / FAR_AHEAD;
	/* Waiting for a later item of the same queue covers the earlier one. */
	if (it->takes[qa] >= 0)
		from->item[it->takes[qa]].gives[qb] = -1;
	it->takes[qa] = a;
	it->after[qa] = a + 1;
	from->item[a].gives[qb] = b;
	to->synced[qa] = a;
}

struct merge {
	struct queues *qs;
	struct mea_plan *p;
	int next[N_QUEUES];
	int tokens[N_QUEUES][N_QUEUES], most; /* given and not taken, in program order */
};

static void put(struct merge *m, int queue)
{
	struct item *it = &m->qs->q[queue].item[m->next[queue]++];
	uint32_t wait = 0, signal = 0;

	for (int i = 0, bit = 0; i < N_QUEUES; i++) {
		if (i == queue)
			continue;
		wait |= (uint32_t)(it->takes[i] >= 0) << bit;
		signal |= (uint32_t)(it->gives[i] >= 0) << bit;
		bit++;
		m->tokens[i][queue] -= it->takes[i] >= 0;
		m->tokens[queue][i] += it->gives[i] >= 0;
		if (m->most < m->tokens[queue][i])
			m->most = m->tokens[queue][i];
	}
	it->at = m->p->n_cmd;
	m->qs->order[m->p->n_cmd].queue = queue;
	m->qs->order[m->p->n_cmd].item = m->next[queue] - 1;
	mea_put(it->cmd, MEA_F_CMD_WAIT, wait);
	mea_put(it->cmd, MEA_F_CMD_SIGNAL, signal);
	memcpy(m->p->cmd[m->p->n_cmd++], it->cmd, sizeof(it->cmd));
}

/* Emits queue's items up to count, and before each what it comes after. */
static void upto(struct merge *m, int queue, int count)
{
	while (m->next[queue] < count) {
		const struct item *it = &m->qs->q[queue].item[m->next[queue]];

		for (int i = 0; i < N_QUEUES; i++)
			upto(m, i, it->after[i]);
		put(m, queue);
	}
}

static bool free_to_go(const struct merge *m, int queue)
{
	const struct item *it;

	if (m->next[queue] == m->qs->q[queue].n)
		return false;
	it = &m->qs->q[queue].item[m->next[queue]];
	for (int i = 0; i < N_QUEUES; i++)
		if (m->next[i] < it->after[i])
			return false;
	return true;
}

int mea_queues_merge(struct queues *qs, struct mea_plan *p)
{
	struct merge m = {.qs = qs, .p = p};
	int total = qs->q[0].n + qs->q[1].n + qs->q[2].n + qs->q[3].n;
	int needed = 0;

	p->cmd = calloc((size_t)total + 1, sizeof(*p->cmd));
	qs->order = calloc((size_t)total + 1, sizeof(*qs->order));
	if (!p->cmd || !qs->order)
		return mea_nomem();
	for (int k = 0; k < qs->q[Q_COMPUTE].n; k++) {
		int loads = qs->q[Q_COMPUTE].item[k].after[Q_LOAD];

		if (loads > needed)
			needed = loads;
		upto(&m, Q_LOAD, needed);
		while (m.next[Q_LOAD] < needed + LOAD_AHEAD && free_to_go(&m, Q_LOAD))
			put(&m, Q_LOAD);
		upto(&m, Q_COMPUTE, k + 1);
		while (free_to_go(&m, Q_DEPTHWISE))
			put(&m, Q_DEPTHWISE);
		while (free_to_go(&m, Q_STORE))
			put(&m, Q_STORE);
	}
	upto(&m, Q_DEPTHWISE, qs->q[Q_DEPTHWISE].n);
	upto(&m, Q_LOAD, qs->q[Q_LOAD].n);
	upto(&m, Q_STORE, qs->q[Q_STORE].n);
	/* A queue may hold some that were to take theirs. */
	if (m.most + (int)MEA_QUEUE_DEPTH + 1 > (int)MEA_TOKEN_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "planner: %d tokens between two queues", m.most);
	return 0;
}

void mea_queues_free(struct queues *qs)
{
	for (int i = 0; i < N_QUEUES; i++)
		free(qs->q[i].item);
	free(qs->order);
}

// SPDX-License-Identifier: Apache-2.0
/* A job: the runs of a network one after the other. */
#include "backend/split/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/cost.h"
#include "base/error.h"

struct split_job {
	struct mea_job j;
	struct split_exec *x;
	struct set *set;
	struct mea_buf *in[ENDS], *out[ENDS];
	struct mea_job *job; /* of run number `run` */
	int run;
	double start;
	struct mea_run_stats sum;
};

/* The buffer that output number index of a run is written to in this job. */
static struct mea_buf *output_of(const struct split_job *j, int run, int index)
{
	const struct split_exec *x = j->x;

	for (int i = 0; i < x->e.net->n_outputs; i++)
		if (x->cut->out[i].run == run && x->cut->out[i].index == index)
			return ((struct split_buf *)j->out[i])->real[0];
	return j->set->out[run][index];
}

static int carry(struct split_job *j, const struct mea_part *from, struct mea_buf *to)
{
	struct mea_buf *made = output_of(j, from->run, from->index);
	int rc = made->ops->buf_read(made, j->x->bytes);

	return rc ? rc : to->ops->buf_write(to, j->x->bytes);
}

static int start_run(struct split_job *j)
{
	const struct mea_run *r = &j->x->cut->runs[j->run];
	struct mea_buf *in[ENDS] = {0}, *out[ENDS] = {0};
	struct mea_exec *sub = j->x->sub[j->run];
	int rc = 0;

	for (int k = 0; k < r->net.n_inputs && !rc; k++) {
		in[k] = j->set->in[j->run][k];
		if (r->from[k].run < 0)
			in[k] = mea_split_find(j->x, j->run, k,
					       (struct split_buf *)j->in[r->from[k].index]);
		else if (j->set->copied[j->run][k])
			rc = carry(j, &r->from[k], in[k]);
		if (!in[k])
			rc = mea_fail(MEA_EINVAL, "the buffer of input %d does not fit",
				      r->from[k].index);
	}
	for (int k = 0; k < r->net.n_outputs; k++)
		out[k] = output_of(j, j->run, k);
	return rc ? rc : sub->ops->submit(sub, in, out, &j->job);
}

int mea_split_submit(struct mea_exec *e, struct mea_buf *const *in, struct mea_buf *const *out,
		     struct mea_job **job)
{
	struct split_exec *x = (struct split_exec *)e;
	struct split_job *j = calloc(1, sizeof(*j));
	int rc;

	if (!j)
		return mea_nomem();
	j->j.ops = &mea_split_ops;
	j->x = x;
	j->start = mea_now_ms();
	memcpy(j->in, in, (size_t)e->net->n_inputs * sizeof(*in));
	memcpy(j->out, out, (size_t)e->net->n_outputs * sizeof(*out));
	rc = mea_split_take_set(x, &j->set);
	if (!rc)
		rc = start_run(j);
	if (!rc) {
		*job = &j->j;
		return 0;
	}
	if (j->set)
		mea_split_give_set(x, j->set);
	free(j);
	return rc;
}

static void add_up(struct mea_run_stats *sum, const struct mea_run_stats *s)
{
	mea_cost_add(&sum->cost, &s->cost);
	for (int i = 0; i < MEA_STALL_MAX; i++)
		sum->stall[i] += s->stall[i];
	sum->bytes_read += s->bytes_read;
	sum->bytes_written += s->bytes_written;
}

/* What is left of timeout_ms since start; -1 stays -1. */
static int ms_left(int timeout_ms, double start)
{
	double ms = timeout_ms - (mea_now_ms() - start);

	return timeout_ms < 0 ? -1 : ms > 0 ? (int)ms : 0;
}

int mea_split_wait_fd(struct mea_job *job)
{
	struct mea_job *run = ((struct split_job *)job)->job;

	return run->ops->wait_fd(run);
}

/* The next run starts when somebody waits: a job has no thread of its own. */
int mea_split_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *stats)
{
	struct split_job *j = (struct split_job *)job;
	double start = mea_now_ms();
	int rc;

	do {
		struct mea_run_stats s = {0};

		rc = j->job->ops->wait(j->job, ms_left(timeout_ms, start), &s);
		if (rc == MEA_ETIMEDOUT)
			return rc;
		if (rc) {
			mea_fail_in(rc, "%s, from layer %s", j->x->sub[j->run]->ops->name,
				    j->x->cut->runs[j->run].net.layers[0].name);
			break;
		}
		add_up(&j->sum, &s);
		if (++j->run < j->x->cut->n_runs)
			rc = start_run(j);
	} while (!rc && j->run < j->x->cut->n_runs);
	j->sum.cost.ms = mea_now_ms() - j->start;
	if (!rc && stats)
		*stats = j->sum;
	mea_split_give_set(j->x, j->set);
	free(j);
	return rc;
}

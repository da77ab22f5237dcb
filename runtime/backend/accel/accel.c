// SPDX-License-Identifier: Apache-2.0
/*
 * Backend "accel": a planned network on an accelerator, simulated or real. The
 * weights and commands are written once into buffers of the device; a job only
 * names them. Inputs and outputs are buffers in the device's own layout.
 */
#include "backend/accel/accel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"

#define RECORDS_MAX 8

struct accel {
	struct mea_backend b;
	struct mea_device *dev;
};

struct accel_exec {
	struct mea_exec e;
	struct accel *a;
	struct mea_plan *plan;
	struct mea_bo *cmd, *wgt, *scratch;
	struct mea_bo *record[RECORDS_MAX]; /* spare ones, for the next jobs */
	int n_records;
};

struct accel_buf {
	struct mea_buf b;
	struct mea_layout layout;
	struct mea_bo *bo;
};

struct accel_job {
	struct mea_job j;
	struct accel_exec *x;
	struct mea_fence *fence;
	struct mea_bo *record;
	double start;  /* ms */
	double cpu_ms; /* of the simulation, at the start */
};

/* --- backend ------------------------------------------------------------ */

static int accel_open(const char *device, struct mea_backend **out)
{
	struct accel *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return mea_nomem();
	a->b.ops = &mea_backend_accel;
	rc = mea_device_open(device, &a->dev);
	if (rc < 0) {
		free(a);
		return rc;
	}
	*out = &a->b;
	return 0;
}

static void accel_close(struct mea_backend *b)
{
	struct accel *a = (struct accel *)b;

	a->dev->ops->close(a->dev);
	free(a);
}

static void accel_describe(struct mea_backend *b, char *text, size_t size)
{
	const struct mea_device *d = ((struct accel *)b)->dev;
	const struct mea_hw *h = &d->hw;
	char clock[32] = "unknown";

	if (h->clock_khz)
		snprintf(clock, sizeof(clock), "%.3f MHz", h->clock_khz / 1e3);
	snprintf(text, size,
		 "accel on %s: %dx%d int8 array, %d-bit bus, %d KiB activations, %d KiB weights, "
		 "%d accumulators, %d KiB stem, clock %s",
		 d->name, h->rows, h->cols, h->axi_bytes * 8, h->act_words * h->lanes / 1024,
		 h->wgt_words * 2 * h->cols / 1024, h->acc_depth, h->stem_words * 8 / 1024, clock);
}

static const char *accel_refuses(struct mea_backend *b, const struct mea_qnet *net,
				 const struct mea_qlayer *l)
{
	return mea_plan_refuses(&((struct accel *)b)->dev->hw, net, l);
}

/* --- exec -------------------------------------------------------------------- */

static void accel_release(struct mea_exec *e)
{
	struct accel_exec *x = (struct accel_exec *)e;
	const struct mea_device_ops *ops;

	if (!x)
		return;
	ops = x->a->dev->ops;
	ops->bo_destroy(x->cmd);
	ops->bo_destroy(x->wgt);
	ops->bo_destroy(x->scratch);
	while (x->n_records)
		ops->bo_destroy(x->record[--x->n_records]);
	mea_plan_free(x->plan);
	free(x);
}

static int make_bo(struct accel *a, size_t size, const void *data, size_t n, struct mea_bo **out)
{
	int rc = a->dev->ops->bo_create(a->dev, size, out);

	if (rc == 0 && n)
		memcpy((*out)->map, data, n);
	return rc;
}

int mea_accel_prepare(struct mea_backend *b, const struct mea_qnet *net, bool profile,
		      struct mea_exec **out)
{
	struct accel *a = (struct accel *)b;
	struct accel_exec *x = calloc(1, sizeof(*x));
	const struct mea_plan *p;
	int rc;

	if (!x)
		return mea_nomem();
	x->e.ops = &mea_backend_accel;
	x->e.net = net;
	x->a = a;
	rc = mea_plan_make(&a->dev->hw, net, profile, &x->plan);
	if (rc < 0)
		goto fail;
	p = x->plan;
	rc = make_bo(a, (size_t)p->n_cmd * MEA_CMD_BYTES, p->cmd, (size_t)p->n_cmd * MEA_CMD_BYTES,
		     &x->cmd);
	if (rc == 0)
		rc = make_bo(a, p->weight_bytes, p->weights, p->weight_bytes, &x->wgt);
	if (rc == 0 && p->scratch_bytes)
		rc = make_bo(a, p->scratch_bytes, NULL, 0, &x->scratch);
	if (rc < 0)
		goto fail;
	*out = &x->e;
	return 0;
fail:
	accel_release(&x->e);
	return rc;
}

static int accel_prepare(struct mea_backend *b, const struct mea_qnet *net, struct mea_exec **out)
{
	return mea_accel_prepare(b, net, false, out);
}

const struct mea_plan *mea_accel_plan(const struct mea_exec *e)
{
	return ((const struct accel_exec *)e)->plan;
}

struct mea_device *mea_accel_device(const struct mea_exec *e)
{
	return ((const struct accel_exec *)e)->a->dev;
}

int mea_accel_bound(const struct mea_exec *e, const struct mea_bus *bus, uint64_t *cycles,
		    uint64_t *scrub)
{
	struct mea_bound b;
	int rc = mea_plan_bound(mea_accel_hw(e), e->net, bus, &b);

	*cycles = rc ? 0 : b.cycles;
	*scrub = rc ? 0 : b.scrub;
	if (!rc)
		mea_bound_free(&b);
	return rc;
}

const struct mea_hw *mea_accel_hw(const struct mea_exec *e)
{
	return &mea_accel_device(e)->hw;
}

/* --- buffers ------------------------------------------------------------------ */

static const struct mea_layout *layout_of(const struct accel_exec *x, bool input, int index)
{
	return input ? &x->plan->in[index] : &x->plan->out[index];
}

static int accel_buf_alloc(struct mea_exec *e, bool input, int index, struct mea_buf **out)
{
	struct accel_exec *x = (struct accel_exec *)e;
	struct accel_buf *buf = calloc(1, sizeof(*buf));
	int rc;

	if (!buf)
		return mea_nomem();
	buf->layout = *layout_of(x, input, index);
	buf->b = (struct mea_buf){&mea_backend_accel, buf->layout.c, buf->layout.h, buf->layout.w};
	rc = x->a->dev->ops->bo_create(x->a->dev, buf->layout.bytes, &buf->bo);
	if (rc < 0) {
		free(buf);
		return rc;
	}
	*out = &buf->b;
	return 0;
}

static void accel_buf_free(struct mea_buf *b)
{
	struct accel_buf *buf = (struct accel_buf *)b;

	if (!buf)
		return;
	buf->bo->dev->ops->bo_destroy(buf->bo);
	free(buf);
}

static bool accel_buf_fits(struct mea_exec *e, bool input, int index, const struct mea_buf *b)
{
	const struct accel_exec *x = (const struct accel_exec *)e;
	const struct accel_buf *buf = (const struct accel_buf *)b;

	return b->ops == &mea_backend_accel && buf->bo->dev == x->a->dev &&
	       mea_layout_same(layout_of(x, input, index), &buf->layout);
}

static int accel_buf_write(struct mea_buf *b, const int8_t *nhwc)
{
	struct accel_buf *buf = (struct accel_buf *)b;

	mea_layout_write(&buf->layout, nhwc, buf->bo->map);
	return 0;
}

static int accel_buf_read(struct mea_buf *b, int8_t *nhwc)
{
	struct accel_buf *buf = (struct accel_buf *)b;

	if (buf->layout.stem)
		return mea_fail(MEA_EINVAL, "accel: an image buffer can only be written");
	mea_layout_read(&buf->layout, buf->bo->map, nhwc);
	return 0;
}

/* --- jobs --------------------------------------------------------------------- */

static double cpu_ms(const struct accel *a)
{
	return a->dev->ops->cpu_ms ? a->dev->ops->cpu_ms(a->dev) : 0;
}

static void set_slot(struct mea_slot *s, struct mea_bo *bo, size_t size, bool read, bool write)
{
	if (bo)
		*s = (struct mea_slot){bo, 0, (size + 63) / 64 * 64, read, write};
}

static int take_record(struct accel_exec *x, struct mea_bo **out)
{
	if (x->n_records) {
		*out = x->record[--x->n_records];
		return 0;
	}
	return make_bo(x->a, (size_t)(x->plan->n_records + 1) * MEA_RECORD_BYTES, NULL, 0, out);
}

static void give_record(struct accel_exec *x, struct mea_bo *bo)
{
	if (bo && x->n_records < RECORDS_MAX)
		x->record[x->n_records++] = bo;
	else
		x->a->dev->ops->bo_destroy(bo);
}

static int accel_submit(struct mea_exec *e, struct mea_buf *const *in, struct mea_buf *const *out,
			struct mea_job **job)
{
	struct accel_exec *x = (struct accel_exec *)e;
	const struct mea_plan *p = x->plan;
	struct mea_device *dev = x->a->dev;
	struct accel_job *j = calloc(1, sizeof(*j));
	struct mea_submit s = {0};
	int rc = MEA_ENOMEM;

	if (!j)
		return mea_nomem();
	j->j.ops = &mea_backend_accel;
	j->x = x;
	rc = take_record(x, &j->record);
	if (rc < 0)
		goto fail;
	set_slot(&s.slot[MEA_SLOT_CMD], x->cmd, (size_t)p->n_cmd * MEA_CMD_BYTES, true, false);
	set_slot(&s.slot[MEA_SLOT_WGT], x->wgt, p->weight_bytes, true, false);
	for (int i = 0; i < p->n_in; i++)
		set_slot(&s.slot[MEA_SLOT_IN + i], ((struct accel_buf *)in[i])->bo, p->in[i].bytes,
			 true, false);
	for (int i = 0; i < p->n_out; i++)
		set_slot(&s.slot[MEA_SLOT_OUT + i], ((struct accel_buf *)out[i])->bo,
			 p->out[i].bytes, p->rereads, true);
	set_slot(&s.slot[MEA_SLOT_SCRATCH], x->scratch, p->scratch_bytes, true, true);
	set_slot(&s.slot[MEA_SLOT_RECORD], j->record, j->record->size, false, true);
	s.cmd_count = (uint32_t)p->n_cmd;
	s.budget = p->budget;
	s.record = true;
	s.record_slot = MEA_SLOT_RECORD;
	j->start = mea_now_ms();
	j->cpu_ms = cpu_ms(x->a);
	rc = dev->ops->submit(dev, &s, &j->fence);
	if (rc < 0)
		goto fail;
	*job = &j->j;
	return 0;
fail:
	give_record(x, j->record);
	free(j);
	return rc;
}

static void fill_stats(const struct accel_job *j, struct mea_run_stats *st)
{
	const struct accel_exec *x = j->x;
	const struct mea_hw *hw = &x->a->dev->hw;
	const uint32_t *r = j->record->map;

	memset(st, 0, sizeof(*st));
	st->cost.ms = mea_now_ms() - j->start;
	st->cost.sim_ms = cpu_ms(x->a) - j->cpu_ms;
	st->cost.macs = x->plan->macs;
	mea_accel_record(hw, r, st);
}

/* The record counts words and cycles of this configuration; energy goes by bytes and values. */
static void count_events(const struct mea_hw *hw, const uint32_t *r, uint64_t event[MEA_EVENTS])
{
	uint64_t cols = (uint64_t)hw->cols, lanes = (uint64_t)hw->lanes;
	uint64_t bus = (uint64_t)hw->axi_bytes;

	event[MEA_EVENT_MAC] = r[MEA_REC_COUNTERS + MEA_COUNT_MAC] * cols * (uint64_t)hw->rows +
			       r[MEA_REC_DW_CYCLES] * cols * (uint64_t)hw->dw_taps;
	event[MEA_EVENT_ACT_READ] = r[MEA_REC_ACT_READS] * lanes;
	event[MEA_EVENT_ACT_WRITE] = r[MEA_REC_ACT_WRITES] * lanes;
	event[MEA_EVENT_WGT_READ] = r[MEA_REC_WGT_READS] * 2 * cols;
	event[MEA_EVENT_ACCUMULATE] = r[MEA_REC_ACC_UPDATES] * cols;
	event[MEA_EVENT_REQUANTISE] = r[MEA_REC_REQUANTS] * cols;
	event[MEA_EVENT_BUS_READ] = r[MEA_REC_RD_BEATS] * bus;
	event[MEA_EVENT_BUS_WRITE] = r[MEA_REC_WR_BEATS] * bus;
}

void mea_accel_record(const struct mea_hw *hw, const uint32_t *r, struct mea_run_stats *st)
{
	st->cost.cycles = r[MEA_REC_CYCLES];
	st->cost.peak_macs = st->cost.cycles * (uint64_t)(hw->rows * hw->cols);
	for (int i = 0; i < (int)MEA_CLASSES; i++)
		st->stall[i] = r[MEA_REC_COUNTERS + i];
	st->bytes_read = (uint64_t)r[MEA_REC_RD_BEATS] * hw->axi_bytes;
	st->bytes_written = (uint64_t)r[MEA_REC_WR_BEATS] * hw->axi_bytes;
	count_events(hw, r, st->cost.events);
}

int mea_accel_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *stats,
		   uint32_t *records)
{
	struct accel_job *j = (struct accel_job *)job;
	int rc = j->x->a->dev->ops->wait(j->fence, timeout_ms);

	if (rc == MEA_ETIMEDOUT)
		return rc;
	if (rc == 0 && stats)
		fill_stats(j, stats);
	if (rc == 0 && records)
		memcpy(records, j->record->map,
		       (size_t)(j->x->plan->n_records + 1) * MEA_RECORD_BYTES);
	give_record(j->x, j->record);
	free(j);
	return rc;
}

static int accel_wait_fd(struct mea_job *job)
{
	struct accel_job *j = (struct accel_job *)job;

	return j->x->a->dev->ops->wait_fd(j->fence);
}

static int accel_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *stats)
{
	return mea_accel_wait(job, timeout_ms, stats, NULL);
}

const struct mea_backend_ops mea_backend_accel = {
	.name = "accel",
	.ends = MEA_PLAN_MAX_IO,
	.open = accel_open,
	.close = accel_close,
	.describe = accel_describe,
	.refuses = accel_refuses,
	.prepare = accel_prepare,
	.release = accel_release,
	.buf_alloc = accel_buf_alloc,
	.buf_free = accel_buf_free,
	.buf_fits = accel_buf_fits,
	.buf_write = accel_buf_write,
	.buf_read = accel_buf_read,
	.submit = accel_submit,
	.wait_fd = accel_wait_fd,
	.wait = accel_wait,
};

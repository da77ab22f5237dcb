/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backend "fake" computes with ref but delays, fails, hangs and refuses as told
 * by the struct fake: a device that can be broken at will.
 */
#ifndef FAKE_BACKEND_H
#define FAKE_BACKEND_H

#include <criterion/criterion.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/error.h"
#include "meanet/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static struct {
	int delay_ms;	 /* a job's time */
	int at_once;	 /* jobs it takes; 0: any number */
	int fail_every;	 /* jobs that end in `error`, 1: all */
	int fail_submit; /* submissions that fail */
	int error;
	int hang_at;	 /* the job that never ends, from 1 */
	bool no_sharing; /* buffers fit nowhere else */
	const char *refuse;
	int open_error;

	int jobs, under_way, most, overlaps, writes, waits;
	struct mea_exec *busy[8];
} fake;

struct fake_job {
	struct mea_job base, *inner;
	struct mea_exec *exec;
	double ready;
	int number, timer; /* timer: readable when the job ends; -1: none yet */
	bool hangs;
};

static const struct mea_backend_ops fake_ops;

static int fake_open(const char *device, struct mea_backend **out)
{
	int rc = fake.open_error ? mea_fail(fake.open_error, "no such device '%s'", device)
				 : mea_backend_ref.open("", out);

	if (!rc)
		(*out)->ops = &fake_ops;
	return rc;
}

static const char *fake_refuses(struct mea_backend *b, const struct mea_qnet *net,
				const struct mea_qlayer *l)
{
	(void)b;
	(void)net;
	return fake.refuse && !strcmp(l->name, fake.refuse) ? "too strange" : NULL;
}

static bool fake_fits(struct mea_exec *e, bool input, int index, const struct mea_buf *buf)
{
	return !fake.no_sharing && mea_backend_ref.buf_fits(e, input, index, buf);
}

static int fake_write(struct mea_buf *buf, const int8_t *nhwc)
{
	fake.writes++;
	return mea_backend_ref.buf_write(buf, nhwc);
}

static int fake_submit(struct mea_exec *e, struct mea_buf *const *in, struct mea_buf *const *out,
		       struct mea_job **job)
{
	struct fake_job *j;
	int rc;

	if (fake.at_once && fake.under_way >= fake.at_once)
		return mea_fail(MEA_EBUSY, "busy");
	fake.jobs++;
	if (fake.fail_submit && fake.jobs % fake.fail_submit == 0)
		return mea_fail(fake.error, "planted at submit");
	j = calloc(1, sizeof(*j));
	rc = mea_backend_ref.submit(e, in, out, &j->inner);
	cr_assert_eq(rc, 0, "%s", mea_errmsg());
	j->base.ops = &fake_ops;
	j->exec = e;
	j->ready = mea_now_ms() + fake.delay_ms;
	j->number = fake.jobs;
	j->hangs = fake.jobs == fake.hang_at;
	j->timer = -1;
	for (int i = 0; i < fake.under_way; i++)
		fake.overlaps += fake.busy[i] != e;
	fake.busy[fake.under_way++] = e;
	if (fake.under_way > fake.most)
		fake.most = fake.under_way;
	*job = &j->base;
	return 0;
}

static void sleep_ms(double ms)
{
	struct timespec t = {0, (long)(ms * 1e6)};

	nanosleep(&t, NULL);
}

static int fake_wait_fd(struct mea_job *job)
{
	struct fake_job *j = (struct fake_job *)job;
	double left = fmax(j->ready - mea_now_ms(), 0.001);
	struct itimerspec t = {.it_value = mea_timespec(left)};

	if (j->timer < 0) {
		j->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
		cr_assert_geq(j->timer, 0);
		if (!j->hangs)
			cr_assert_eq(timerfd_settime(j->timer, 0, &t, NULL), 0);
	}
	return j->timer;
}

static int fake_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *st)
{
	struct fake_job *j = (struct fake_job *)job;
	double left = j->ready - mea_now_ms();
	int rc = 0, at = 0;

	fake.waits++;
	if (j->hangs && timeout_ms)
		return mea_fail(MEA_ETIMEDOUT, "the device hangs");
	if (timeout_ms >= 0 && left > timeout_ms) {
		sleep_ms(timeout_ms);
		return mea_fail(MEA_ETIMEDOUT, "not yet");
	}
	if (left > 0)
		sleep_ms(left);
	mea_backend_ref.wait(j->inner, -1, st);
	st->cost.cycles = 100;
	st->cost.peak_macs = 200;
	if (fake.fail_every && j->number % fake.fail_every == 0)
		rc = mea_fail(fake.error, "planted in job %d", j->number);
	while (fake.busy[at] != j->exec)
		at++;
	fake.busy[at] = fake.busy[--fake.under_way];
	if (j->timer >= 0)
		close(j->timer);
	free(j);
	return rc;
}

static void fake_release(struct mea_exec *e)
{
	mea_backend_ref.release(e);
}

static void fake_close(struct mea_backend *b)
{
	mea_backend_ref.close(b);
}

static int fake_prepare(struct mea_backend *b, const struct mea_qnet *n, struct mea_exec **e)
{
	return mea_backend_ref.prepare(b, n, e);
}

static int fake_alloc(struct mea_exec *e, bool input, int index, struct mea_buf **out)
{
	return mea_backend_ref.buf_alloc(e, input, index, out);
}

static void fake_free(struct mea_buf *b)
{
	mea_backend_ref.buf_free(b);
}

static int fake_read(struct mea_buf *b, int8_t *nhwc)
{
	return mea_backend_ref.buf_read(b, nhwc);
}

static const struct mea_backend_ops fake_ops = {
	.name = "fake",
	.open = fake_open,
	.close = fake_close,
	.refuses = fake_refuses,
	.prepare = fake_prepare,
	.release = fake_release,
	.buf_alloc = fake_alloc,
	.buf_free = fake_free,
	.buf_fits = fake_fits,
	.buf_write = fake_write,
	.buf_read = fake_read,
	.submit = fake_submit,
	.wait_fd = fake_wait_fd,
	.wait = fake_wait,
};

#endif

// SPDX-License-Identifier: Apache-2.0
/*
 * Prepared networks and their jobs. A job is one launch of one kernel; it ends in
 * a callback of the driver, so that a waiting thread sleeps and has a limit.
 */
#include "backend/opencl/opencl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/event.h"

#define JOBS_MAX     64
#define OWN_LIMIT_MS 60000

/* Arguments of mea_net(). */
enum { ARG_LAYERS, ARG_COUNT, ARG_CONSTANTS, ARG_SYNC, ARG_SCRATCH, ARG_IN, ARG_OUT = ARG_IN + 4 };

/*
 * What a running job needs for itself. There is one per thread; a job that comes
 * while all are in use is told to start after the last job with its scratch. That keeps
 * the tensors of many jobs in the same, warm memory.
 */
struct mea_opencl_scratch {
	cl_kernel kernel;
	cl_mem sync, tensors;
	cl_event last; /* of the latest job; NULL: none yet */
	int users;     /* jobs not yet waited for */
};

struct opencl_job {
	struct mea_job j;
	struct mea_opencl_exec *x;
	struct mea_opencl_scratch *scratch;
	cl_event event;
	double start, end;
	bool ended;
	int event_fd; /* -1: nobody polls */
	cl_int status;
};

static void release_memory(cl_mem m)
{
	if (m)
		mea_cl->clReleaseMemObject(m);
}

/* --- scratch --------------------------------------------------------------------------- */

static void scratch_empty(struct mea_opencl_scratch *s)
{
	if (s->kernel)
		mea_cl->clReleaseKernel(s->kernel);
	if (s->last)
		mea_cl->clReleaseEvent(s->last);
	release_memory(s->sync);
	release_memory(s->tensors);
	memset(s, 0, sizeof(*s));
}

static int set_arg(struct mea_opencl_scratch *s, int arg, cl_mem m)
{
	return mea_cl_check(mea_cl->clSetKernelArg(s->kernel, arg, sizeof(m), &m),
			    "clSetKernelArg");
}

static int scratch_fill(struct mea_opencl_exec *x, struct mea_opencl_scratch *s)
{
	static const int zeros[16];
	const struct mea_cl_pack *p = x->pack;
	cl_int n = p->n_layers, err;
	int rc;

	s->kernel = mea_cl->clCreateKernel(x->o->d.program, "mea_net", &err);
	rc = mea_cl_check(err, "clCreateKernel");
	if (!rc)
		rc = mea_opencl_memory(x->o, sizeof(zeros), zeros, "counters", &s->sync);
	if (!rc)
		rc = mea_opencl_memory(x->o, p->scratch_bytes, NULL, "a network's tensors",
				       &s->tensors);
	if (!rc)
		rc = set_arg(s, ARG_LAYERS, x->layers);
	if (!rc)
		rc = mea_cl_check(mea_cl->clSetKernelArg(s->kernel, ARG_COUNT, sizeof(n), &n),
				  "clSetKernelArg");
	if (!rc)
		rc = set_arg(s, ARG_CONSTANTS, x->constants);
	if (!rc)
		rc = set_arg(s, ARG_SYNC, s->sync);
	/* Ends that the network does not have get some memory, too. */
	for (int i = ARG_SCRATCH; !rc && i < ARG_OUT + 4; i++)
		rc = set_arg(s, i, s->tensors);
	return rc;
}

/* The scratch that the fewest jobs wait for; filled when it is first needed. */
static int scratch_choose(struct mea_opencl_exec *x, struct mea_opencl_scratch **out)
{
	struct mea_opencl_scratch *s = x->scratch;
	int rc = 0;

	for (int i = 1; i < x->n_scratch; i++)
		if (x->scratch[i].users < s->users)
			s = &x->scratch[i];
	if (!s->tensors)
		rc = scratch_fill(x, s);
	if (rc)
		scratch_empty(s);
	*out = s;
	return rc;
}

/* --- networks --------------------------------------------------------------------------- */

void mea_opencl_release(struct mea_exec *e)
{
	struct mea_opencl_exec *x = (struct mea_opencl_exec *)e;

	if (!x)
		return;
	if (x->o->pid == getpid()) {
		for (int i = 0; i < x->n_scratch; i++)
			scratch_empty(&x->scratch[i]);
		release_memory(x->layers);
		release_memory(x->constants);
	}
	free(x->scratch);
	mea_cl_pack_free(x->pack);
	free(x);
}

int mea_opencl_prepare(struct mea_backend *b, const struct mea_qnet *net, struct mea_exec **out)
{
	struct mea_opencl *o = (struct mea_opencl *)b;
	struct mea_opencl_exec *x;
	struct mea_opencl_scratch *s;
	struct mea_cl_pack *p;
	int rc = mea_opencl_check_process(o);

	if (!rc)
		rc = mea_qnet_check(net);
	if (rc)
		return rc;
	x = calloc(1, sizeof(*x));
	if (!x)
		return mea_nomem();
	x->e = (struct mea_exec){.ops = b->ops, .net = net};
	x->o = o;
	x->scratch = calloc((size_t)o->d.threads, sizeof(*x->scratch));
	x->n_scratch = x->scratch ? o->d.threads : 0;
	rc = x->scratch ? 0 : mea_nomem();
	if (!rc)
		rc = mea_cl_pack(net, o->d.variant, o->d.threads, &x->pack);
	p = x->pack;
	if (!rc)
		rc = mea_opencl_memory(o, (p->n_layers + 1) * sizeof(*p->layers), p->layers,
				       "a network's layers", &x->layers);
	if (!rc)
		rc = mea_opencl_memory(o, p->constant_bytes, p->constants, "weights",
				       &x->constants);
	/* The first one now, so that a lack of memory shows before a job does. */
	if (!rc)
		rc = scratch_choose(x, &s);
	if (rc)
		mea_opencl_release(&x->e);
	else
		*out = &x->e;
	return rc;
}

/* --- jobs -------------------------------------------------------------------------------- */

/* Runs on a thread of the driver's. */
static void CL_CALLBACK job_ended(cl_event event, cl_int status, void *arg)
{
	struct opencl_job *j = arg;
	struct mea_opencl *o = j->x->o;

	(void)event;
	pthread_mutex_lock(&o->lock);
	j->end = mea_now_ms();
	j->status = status;
	j->ended = true;
	mea_event_set(j->event_fd);
	pthread_cond_broadcast(&o->ended);
	pthread_mutex_unlock(&o->lock);
}

static int set_ends(struct mea_opencl_exec *x, struct mea_opencl_scratch *s,
		    struct mea_buf *const *in, struct mea_buf *const *out)
{
	const struct mea_qnet *net = x->e.net;
	int rc = 0;

	for (int i = 0; !rc && i < net->n_inputs; i++) {
		if (!mea_opencl_buf_fits(&x->e, true, i, in[i]))
			return mea_fail(MEA_EINVAL, "the buffer of input %d does not fit", i);
		rc = set_arg(s, ARG_IN + i, ((struct mea_opencl_buf *)in[i])->mem);
	}
	for (int i = 0; !rc && i < net->n_outputs; i++) {
		if (!mea_opencl_buf_fits(&x->e, false, i, out[i]))
			return mea_fail(MEA_EINVAL, "the buffer of output %d does not fit", i);
		for (int j = 0; j < net->n_inputs; j++)
			if (in[j] == out[i])
				return mea_fail(MEA_EINVAL, "input %d and output %d are one buffer",
						j, i);
		rc = set_arg(s, ARG_OUT + i, ((struct mea_opencl_buf *)out[i])->mem);
	}
	return rc;
}

/* The first job of all takes every thread; more jobs are the better use of them. */
static int launch(struct opencl_job *j)
{
	struct mea_cl_device *d = &j->x->o->d;
	size_t workers = j->x->o->under_way ? 1 : (size_t)d->threads, one = 1;
	struct mea_opencl_scratch *s = j->scratch;
	cl_uint n = s->users ? 1 : 0;
	int rc;

	j->start = mea_now_ms();
	rc = mea_cl_check(mea_cl->clEnqueueNDRangeKernel(d->queue, s->kernel, 1, NULL, &workers,
							 &one, n, n ? &s->last : NULL, &j->event),
			  "clEnqueueNDRangeKernel");
	if (rc)
		return rc;
	if (s->last)
		mea_cl->clReleaseEvent(s->last);
	s->last = j->event;
	mea_cl->clRetainEvent(s->last);
	s->users++;
	rc = mea_cl_check(mea_cl->clSetEventCallback(j->event, CL_COMPLETE, job_ended, j),
			  "clSetEventCallback");
	if (!rc)
		rc = mea_cl_check(mea_cl->clFlush(d->queue), "clFlush");
	return rc;
}

int mea_opencl_submit(struct mea_exec *e, struct mea_buf *const *in, struct mea_buf *const *out,
		      struct mea_job **job)
{
	struct mea_opencl_exec *x = (struct mea_opencl_exec *)e;
	struct opencl_job *j;
	int rc = mea_opencl_check_process(x->o);

	if (rc)
		return rc;
	if (x->o->under_way == JOBS_MAX)
		return mea_fail(MEA_EBUSY, "opencl: %d jobs are under way", JOBS_MAX);
	j = calloc(1, sizeof(*j));
	if (!j)
		return mea_nomem();
	j->j.ops = e->ops;
	j->x = x;
	j->event_fd = -1;
	rc = scratch_choose(x, &j->scratch);
	if (!rc)
		rc = set_ends(x, j->scratch, in, out);
	if (!rc)
		rc = launch(j);
	if (!rc) {
		x->o->under_way++;
		*job = &j->j;
		return 0;
	}
	if (j->event) {
		/* It may run all the same: its memory stays with it. */
		mea_cl->clReleaseEvent(j->event);
		return rc;
	}
	free(j);
	return rc;
}

int mea_opencl_wait_fd(struct mea_job *job)
{
	struct opencl_job *j = (struct opencl_job *)job;
	struct mea_opencl *o = j->x->o;

	if (o->pid != getpid())
		return -1;
	pthread_mutex_lock(&o->lock);
	if (!j->ended && j->event_fd < 0)
		j->event_fd = mea_event_new();
	pthread_mutex_unlock(&o->lock);
	return j->event_fd;
}

static bool wait_for(struct opencl_job *j, int timeout_ms)
{
	struct mea_opencl *o = j->x->o;
	struct timespec until;
	int rc = 0;
	bool ended;

	until = mea_timespec(mea_now_ms() + timeout_ms);
	pthread_mutex_lock(&o->lock);
	while (!j->ended && !rc)
		rc = pthread_cond_timedwait(&o->ended, &o->lock, &until);
	ended = j->ended;
	pthread_mutex_unlock(&o->lock);
	return ended;
}

int mea_opencl_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *stats)
{
	struct opencl_job *j = (struct opencl_job *)job;
	struct mea_opencl *o = j->x->o;
	int rc = mea_opencl_check_process(o);

	if (rc) {
		free(j);
		return rc;
	}
	if (timeout_ms < 0)
		timeout_ms = OWN_LIMIT_MS;
	if (!wait_for(j, timeout_ms))
		return mea_fail(MEA_ETIMEDOUT, "opencl: %s: no answer in %d ms", o->d.name,
				timeout_ms);
	if (j->status != CL_COMPLETE)
		rc = mea_fail(j->status == CL_DEVICE_NOT_AVAILABLE ? MEA_ENODEV : MEA_EDEVICE,
			      "opencl: %s: the job ended in %s (%d)", o->d.name,
			      mea_cl_error_name(j->status), (int)j->status);
	if (stats)
		*stats = (struct mea_run_stats){
			.cost = {.ms = j->end - j->start, .macs = j->x->pack->macs}};
	mea_cl->clReleaseEvent(j->event);
	j->scratch->users--;
	o->under_way--;
	if (j->event_fd >= 0)
		close(j->event_fd);
	free(j);
	return rc;
}

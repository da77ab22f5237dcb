// SPDX-License-Identifier: Apache-2.0
/* Backend "opencl": a CPU through its OpenCL driver. */
#include "backend/opencl/opencl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/opencl/trial.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/note.h"

/* A small board compiles for a minute. */
#define TRIAL_LIMIT_MS 300000

static void opencl_close(struct mea_backend *b)
{
	struct mea_opencl *o = (struct mea_opencl *)b;

	/* In a forked child the driver's locks may be held by threads that are gone. */
	if (o->pid == getpid()) {
		if (o->right)
			mea_cl_keep(&o->d);
		mea_cl_device_close(&o->d);
	}
	pthread_cond_destroy(&o->ended);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

/* The best variant that builds and computes right. */
static int choose_variant(struct mea_opencl *o, enum mea_cl_variant most)
{
	enum mea_cl_variant variant = mea_cl_variant_below(most);

	for (;;) {
		int rc = mea_cl_build(&o->d, variant);

		if (!rc)
			rc = mea_opencl_self_test(&o->b);
		o->right = !rc;
		if (!rc || variant == MEA_CL_PLAIN)
			return rc;
		mea_note("opencl: %s: not with %s: %s", o->d.name, mea_cl_variant_name(variant),
			 mea_errmsg());
		variant = mea_cl_variant_below(variant - 1);
	}
}

/* What to open. */
struct wanted {
	struct mea_cl_wish wish;
	enum mea_cl_variant most;
};

static int open_here(const struct wanted *w, struct mea_backend **out)
{
	struct mea_opencl *o = calloc(1, sizeof(*o));
	int rc;

	*out = NULL;
	if (!o)
		return mea_nomem();
	o->b.ops = &mea_backend_opencl;
	o->pid = getpid();
	pthread_mutex_init(&o->lock, NULL);
	mea_cond_init(&o->ended);
	rc = mea_cl_device_open(&w->wish, &o->d);
	if (!rc)
		rc = choose_variant(o, w->most);
	if (rc)
		opencl_close(&o->b);
	else
		*out = &o->b;
	return rc;
}

/* In a child process, which ends with it. */
static int open_and_leave(void *ctx)
{
	struct mea_backend *b;

	return open_here(ctx, &b);
}

/* Whether the driver starts, builds and computes right, without risk for this process. */
static int try_first(struct wanted *w)
{
	const char *folder;
	int rc;

	mea_cl_cache_pocl();
	rc = mea_cl_trial(open_and_leave, w, TRIAL_LIMIT_MS);
	if (rc != MEA_EDEVICE || !mea_cl_cache_pocl_anew())
		return rc;
	mea_note("opencl: %s; trying again without the kernels that it has kept", mea_errmsg());
	folder = getenv("POCL_CACHE_DIR");
	rc = mea_cl_trial(open_and_leave, w, TRIAL_LIMIT_MS);
	if (rc)
		mea_cl_cache_pocl_back();
	else
		mea_note("opencl: kernels are kept in %s from now on", folder);
	return rc;
}

int mea_opencl_open(const char *device, enum mea_cl_variant most, struct mea_backend **out)
{
	static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
	struct wanted w = {.most = most};
	int rc = mea_cl_wish_parse(device ? device : "", &w.wish);
	bool tried = false;

	*out = NULL;
	pthread_mutex_lock(&first);
	if (!rc && !mea_cl_in_use()) {
		rc = try_first(&w);
		tried = true;
	}
	/* Its notes would be the child's again. */
	mea_note_mute(tried);
	if (!rc)
		rc = open_here(&w, out);
	mea_note_mute(false);
	pthread_mutex_unlock(&first);
	return rc ? mea_fail_in(rc, "opencl") : 0;
}

static int opencl_open(const char *device, struct mea_backend **out)
{
	return mea_opencl_open(device, MEA_CL_AMX, out);
}

static void opencl_describe(struct mea_backend *b, char *text, size_t size)
{
	const struct mea_cl_device *d = &((struct mea_opencl *)b)->d;

	snprintf(text, size,
		 "opencl on %s: %d thread%s, dot products by %s, driver %s, kernels %s in %.0f ms",
		 d->name, d->threads, d->threads == 1 ? "" : "s", mea_cl_variant_name(d->variant),
		 d->driver, d->cached ? "from the cache" : "compiled", d->build_ms);
}

static const char *opencl_refuses(struct mea_backend *b, const struct mea_qnet *net,
				  const struct mea_qlayer *l)
{
	(void)b;
	return mea_cl_refuses(net, l);
}

int mea_opencl_check_process(const struct mea_opencl *o)
{
	if (o->pid == getpid())
		return 0;
	return mea_fail(MEA_ENODEV, "opencl: %s was opened before this process was forked",
			o->d.name);
}

int mea_opencl_memory(struct mea_opencl *o, size_t size, const void *data, const char *what,
		      cl_mem *out)
{
	cl_mem_flags flags = CL_MEM_READ_WRITE;
	cl_int err;
	int rc;

	if (size > o->d.buffer_max || size > o->d.memory)
		return mea_fail(MEA_ENOMEM,
				"opencl: %s: %zu bytes for %s are more than a buffer of it holds",
				o->d.name, size, what);
	flags |= data ? CL_MEM_COPY_HOST_PTR : CL_MEM_ALLOC_HOST_PTR;
	*out = mea_cl->clCreateBuffer(o->d.context, flags, size, (void *)(uintptr_t)data, &err);
	rc = mea_cl_check(err, "clCreateBuffer");
	return rc ? mea_fail_in(rc, "opencl: %s: %zu bytes for %s", o->d.name, size, what) : 0;
}

const struct mea_backend_ops mea_backend_opencl = {
	.name = "opencl",
	.open = opencl_open,
	.close = opencl_close,
	.describe = opencl_describe,
	.refuses = opencl_refuses,
	.prepare = mea_opencl_prepare,
	.release = mea_opencl_release,
	.buf_alloc = mea_opencl_buf_alloc,
	.buf_free = mea_opencl_buf_free,
	.buf_fits = mea_opencl_buf_fits,
	.buf_write = mea_opencl_buf_write,
	.buf_read = mea_opencl_buf_read,
	.submit = mea_opencl_submit,
	.wait_fd = mea_opencl_wait_fd,
	.wait = mea_opencl_wait,
};

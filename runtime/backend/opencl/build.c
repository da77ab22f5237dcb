// SPDX-License-Identifier: Apache-2.0
/* Compiling the kernel, or taking it from the cache. */
#include "backend/opencl/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/opencl/cache.h"
#include "backend/opencl/source.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/note.h"

#define LOG_KEPT 400 /* characters of a build log in a message */

/* The lines of a build log that say "error", else its start. */
static int build_failed(struct mea_cl_device *d, cl_program p, cl_int err)
{
	size_t size = 0;
	char *log = NULL, *from = NULL;
	int rc = mea_cl_check(err, "clBuildProgram");

	mea_cl->clGetProgramBuildInfo(p, d->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
	log = calloc(1, size + 1);
	if (log && !mea_cl->clGetProgramBuildInfo(p, d->id, CL_PROGRAM_BUILD_LOG, size, log, NULL))
		from = strstr(log, "error");
	if (log && *log)
		rc = mea_fail(rc, "%s does not compile the kernel: %.*s", d->name, LOG_KEPT,
			      from ? from : log);
	free(log);
	return rc;
}

static int build(struct mea_cl_device *d, cl_program p, const char *options)
{
	cl_int err = mea_cl->clBuildProgram(p, 1, &d->id, options, NULL, NULL);

	return err ? build_failed(d, p, err) : 0;
}

static cl_program from_cache(struct mea_cl_device *d, const char *key, const char *options)
{
	size_t size;
	unsigned char *bytes = mea_cl_cache_get(key, &size);
	const unsigned char *binary = bytes;
	cl_program p = NULL;
	cl_int err, status;

	if (!bytes)
		return NULL;
	p = mea_cl->clCreateProgramWithBinary(d->context, 1, &d->id, &size, &binary, &status, &err);
	free(bytes);
	if (p && (err || status || build(d, p, options))) {
		mea_note("%s does not take the kept kernel; it is compiled again", d->name);
		mea_cl->clReleaseProgram(p);
		return NULL;
	}
	return p;
}

static int from_source(struct mea_cl_device *d, const char *options, cl_program *out)
{
	cl_int err;
	int rc;

	*out = mea_cl->clCreateProgramWithSource(
		d->context, MEA_CL_SOURCES, (const char **)(uintptr_t)mea_cl_sources, NULL, &err);
	rc = mea_cl_check(err, "clCreateProgramWithSource");
	return rc ? rc : build(d, *out, options);
}

void mea_cl_keep(struct mea_cl_device *d)
{
	unsigned char *bytes;
	size_t size = 0;

	if (!d->program || d->cached ||
	    mea_cl->clGetProgramInfo(d->program, CL_PROGRAM_BINARY_SIZES, sizeof(size), &size,
				     NULL) ||
	    !size)
		return;
	bytes = malloc(size);
	if (bytes &&
	    !mea_cl->clGetProgramInfo(d->program, CL_PROGRAM_BINARIES, sizeof(bytes), &bytes, NULL))
		mea_cl_cache_put(d->key, bytes, size);
	free(bytes);
}

int mea_cl_build(struct mea_cl_device *d, enum mea_cl_variant variant)
{
	char options[64], threads[16];
	const char *texts[5 + MEA_CL_SOURCES] = {d->name, d->driver, d->platform, options, threads};
	double start = mea_now_ms();
	int rc = 0;

	snprintf(options, sizeof(options), "-cl-std=CL1.2 -DVARIANT=%d", (int)variant);
	snprintf(threads, sizeof(threads), "%d", d->threads);
	for (int i = 0; i < MEA_CL_SOURCES; i++)
		texts[5 + i] = mea_cl_sources[i];
	mea_cl_cache_key(texts, sizeof(texts) / sizeof(texts[0]), d->key);
	if (d->program)
		mea_cl->clReleaseProgram(d->program);
	d->variant = variant;
	d->program = from_cache(d, d->key, options);
	d->cached = d->program;
	if (!d->program) {
		mea_note("compiling kernels for %s (%s)", d->name, mea_cl_variant_name(variant));
		rc = from_source(d, options, &d->program);
		mea_note("compiling kernels: %s after %.1f s", rc ? "failed" : "done",
			 (mea_now_ms() - start) * 1e-3);
	}
	d->build_ms = mea_now_ms() - start;
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An OpenCL CPU device with mea's kernel built for it. */
#ifndef MEA_OPENCL_DEVICE_H
#define MEA_OPENCL_DEVICE_H

#include "backend/opencl/api.h"
#include "backend/opencl/cache.h"
#include "backend/opencl/pack.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mea_cl_device {
	char name[128], driver[64], platform[128];
	cl_device_id id;
	int threads;
	uint64_t memory, buffer_max; /* bytes */
	enum mea_cl_variant variant;
	bool cached; /* the kernel came from the cache */
	double build_ms;
	cl_context context;	/* the process's, as is the queue */
	cl_command_queue queue; /* runs commands out of order */
	cl_program program;
	char key[MEA_CL_KEY]; /* the program's in the cache */
};

/*
 * What follows "opencl:" in a list of backends: "threads=N", a part of a device's
 * name, both joined by "+", or "". threads 0: MEA_THREADS, else all there are.
 */
struct mea_cl_wish {
	char name[64];
	int threads;
};
int mea_cl_wish_parse(const char *text, struct mea_cl_wish *out);

/* Whether this process, or the one that it was forked from, has started a driver. */
bool mea_cl_in_use(void);

/* Finds the device, its context and queue. MEA_ENODEV: none. */
int mea_cl_device_open(const struct mea_cl_wish *wish, struct mea_cl_device *d);
void mea_cl_device_close(struct mea_cl_device *d);

/* The best variant that this CPU has at or below `most`. */
enum mea_cl_variant mea_cl_variant_below(enum mea_cl_variant most);
const char *mea_cl_variant_name(enum mea_cl_variant variant);

/* Builds the kernel for a variant, from the cache where it is there. The message of a
 * failure holds the build log. */
int mea_cl_build(struct mea_cl_device *d, enum mea_cl_variant variant);

/* Puts a kernel that was compiled into the cache. A driver may compile once more for
 * that, so it is done when the work is. */
void mea_cl_keep(struct mea_cl_device *d);

#endif

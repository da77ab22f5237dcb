/* SPDX-License-Identifier: Apache-2.0 */
/* The backend's own structs, and what tests and the benchmark use of it. */
#ifndef MEA_BACKEND_OPENCL_H
#define MEA_BACKEND_OPENCL_H

#include <pthread.h>

#include "backend/backend.h"
#include "backend/opencl/device.h"

struct mea_opencl {
	struct mea_backend b;
	struct mea_cl_device d;
	pid_t pid;  /* of the process that opened it */
	bool right; /* the self-test passed */
	int under_way;
	pthread_mutex_t lock; /* of every job's end, which the driver's thread reports */
	pthread_cond_t ended;
};

/* As ops->open() with that variant at most; for tests, which run all that are here. */
int mea_opencl_open(const char *device, enum mea_cl_variant most, struct mea_backend **out);

/* Runs a small network of every kind of layer. MEA_EDEVICE: the device computes wrong. */
int mea_opencl_self_test(struct mea_backend *b);

/* exec.c: the backend's part in struct mea_backend_ops. */
int mea_opencl_prepare(struct mea_backend *b, const struct mea_qnet *net, struct mea_exec **out);
void mea_opencl_release(struct mea_exec *e);
int mea_opencl_submit(struct mea_exec *e, struct mea_buf *const *in, struct mea_buf *const *out,
		      struct mea_job **job);
int mea_opencl_wait_fd(struct mea_job *job);
int mea_opencl_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *stats);

/* buf.c */
int mea_opencl_buf_alloc(struct mea_exec *e, bool input, int index, struct mea_buf **out);
void mea_opencl_buf_free(struct mea_buf *buf);
bool mea_opencl_buf_fits(struct mea_exec *e, bool input, int index, const struct mea_buf *buf);
int mea_opencl_buf_write(struct mea_buf *buf, const int8_t *nhwc);
int mea_opencl_buf_read(struct mea_buf *buf, int8_t *nhwc);

struct mea_opencl_exec {
	struct mea_exec e;
	struct mea_opencl *o;
	struct mea_cl_pack *pack;
	cl_mem layers, constants;
	struct mea_opencl_scratch *scratch;
	int n_scratch;
};

struct mea_opencl_buf {
	struct mea_buf b;
	struct mea_opencl *o;
	struct mea_cl_layout layout;
	cl_mem mem;
	uint8_t *map;
};

/* 0, or MEA_ENODEV in a child of the process that opened the backend. */
int mea_opencl_check_process(const struct mea_opencl *o);

/* Room on the device, with content where data is not NULL. */
int mea_opencl_memory(struct mea_opencl *o, size_t size, const void *data, const char *what,
		      cl_mem *out);

#endif

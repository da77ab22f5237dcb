/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface that every way to compute a qnet implements (ref, accel,
 * opencl). An exec is a network prepared on one opened backend; a buf
 * is one tensor in the backend's own memory and layout, so that main's features
 * go to the extension without a copy.
 *
 * Threads: one backend is used by one thread at a time; jobs run on their own.
 */
#ifndef MEA_BACKEND_H
#define MEA_BACKEND_H

#include "graph/qnet.h"
#include "mea.h"

struct mea_backend_ops;

struct mea_backend {
	const struct mea_backend_ops *ops;
};

struct mea_exec {
	const struct mea_backend_ops *ops;
	const struct mea_qnet *net; /* borrowed; outlives the exec */
};

struct mea_buf {
	const struct mea_backend_ops *ops;
	int c, h, w;
};

struct mea_job {
	const struct mea_backend_ops *ops;
};

/* Classes of accelerator time; they sum to cycles exactly (hw/README.md). */
#define MEA_STALL_MAX 12

struct mea_run_stats {
	struct mea_cost cost;
	uint64_t stall[MEA_STALL_MAX];
	uint64_t bytes_read, bytes_written; /* on the accelerator's bus */
};

struct mea_backend_ops {
	const char *name;
	int ends; /* inputs, and outputs, that a net may have here; 0: as many as a qnet */

	/* device: what follows "name:" in a backend list, "" if nothing. */
	int (*open)(const char *device, struct mea_backend **out);
	void (*close)(struct mea_backend *b); /* after its execs and bufs are gone */
	/* One line for `mea info`. */
	void (*describe)(struct mea_backend *b, char *text, size_t size);

	/* NULL when the layer runs here, else the reason why not. */
	const char *(*refuses)(struct mea_backend *b, const struct mea_qnet *net,
			       const struct mea_qlayer *l);

	int (*prepare)(struct mea_backend *b, const struct mea_qnet *net, struct mea_exec **out);
	void (*release)(struct mea_exec *e);

	/* A buffer laid out for input or output number index of e. */
	int (*buf_alloc)(struct mea_exec *e, bool input, int index, struct mea_buf **out);
	void (*buf_free)(struct mea_buf *buf);
	/* True when buf, made for another exec, can stand in this place. */
	bool (*buf_fits)(struct mea_exec *e, bool input, int index, const struct mea_buf *buf);
	/* Copy between host NHWC int8 and the buffer; no job may be using it. */
	int (*buf_write)(struct mea_buf *buf, const int8_t *nhwc);
	int (*buf_read)(struct mea_buf *buf, int8_t *nhwc);

	/*
	 * Starts one inference. in[] and out[] follow the net's inputs and
	 * outputs and stay untouched by the caller until wait() returns.
	 * MEA_EBUSY when too many jobs are under way.
	 */
	int (*submit)(struct mea_exec *e, struct mea_buf *const *in, struct mea_buf *const *out,
		      struct mea_job **job);
	/* A descriptor that poll() finds readable once wait() has something to do, so that one
	 * thread can wait for this and for other things; the job's own. -1: there is none;
	 * wait() then returns at once, or the system has no descriptors left. */
	int (*wait_fd)(struct mea_job *job);
	/* Waits at most timeout_ms (-1: the backend's own limit), frees the job
	 * unless it returns MEA_ETIMEDOUT, and gives the job's own result. */
	int (*wait)(struct mea_job *job, int timeout_ms, struct mea_run_stats *stats);
};

extern const struct mea_backend_ops mea_backend_opencl;
extern const struct mea_backend_ops mea_backend_ref;
extern const struct mea_backend_ops mea_backend_accel;

#endif

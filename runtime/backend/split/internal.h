/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the split backend share. */
#ifndef MEA_SPLIT_INTERNAL_H
#define MEA_SPLIT_INTERNAL_H

#include "backend/split/cut.h"
#include "backend/split/split.h"

extern const struct mea_backend_ops mea_split_ops;

struct split {
	struct mea_backend b;
	struct mea_backend *side[2];
};

/* Buffers of one job: what runs hand to each other. */
struct set {
	struct set *next;
	struct mea_buf *(*in)[ENDS], *(*out)[ENDS]; /* per run; NULL: an end of the network */
	bool (*copied)[ENDS];			    /* in[][] is not its producer's buffer */
};

struct split_exec {
	struct mea_exec e;
	struct mea_backend *const *side; /* the backend's */
	struct mea_cut *cut;
	struct mea_exec **sub; /* per run */
	struct set *spare;     /* for the next jobs */
	int n_spare;
	int8_t *bytes; /* as large as the largest tensor */
};

/* An end of a network: one buffer for its producer, or one for each reader of another kind. */
struct split_buf {
	struct mea_buf b;
	int n;
	struct mea_buf *real[];
};

/* buffers.c: ends of networks, as backend.h has them. */
int mea_split_buf_alloc(struct mea_exec *e, bool input, int index, struct mea_buf **out);
void mea_split_buf_free(struct mea_buf *b);
bool mea_split_buf_fits(struct mea_exec *e, bool input, int index, const struct mea_buf *b);
int mea_split_buf_write(struct mea_buf *b, const int8_t *nhwc);
int mea_split_buf_read(struct mea_buf *b, int8_t *nhwc);
/* The buffer in buf that input number index of run r can read, or NULL. */
struct mea_buf *mea_split_find(const struct split_exec *x, int r, int index,
			       const struct split_buf *buf);

/* buffers.c: what runs hand to each other, for one job at a time. */
int mea_split_take_set(struct split_exec *x, struct set **out);
void mea_split_give_set(struct split_exec *x, struct set *s);
void mea_split_free_set(const struct split_exec *x, struct set *s);

/* job.c */
int mea_split_submit(struct mea_exec *e, struct mea_buf *const *in, struct mea_buf *const *out,
		     struct mea_job **job);
int mea_split_wait_fd(struct mea_job *job);
int mea_split_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *stats);

#endif

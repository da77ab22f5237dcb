/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the bytes of a network's first output to floats: by its scale, and then through what the
 * file leaves in float behind it (qnet.h: tail).
 */
#ifndef MEA_TAIL_H
#define MEA_TAIL_H

#include "graph/graph.h"
#include "graph/qnet.h"

struct mea_tail;

/* How many floats there are. */
size_t mea_tail_count(const struct mea_qnet *net);
/* net is borrowed until mea_tail_free(). Returns 0 or a negative error. */
int mea_tail_new(const struct mea_qnet *net, struct mea_tail **out);
void mea_tail_free(struct mea_tail *t); /* NULL is fine */
/* nhwc: the tensor's bytes. *y lives in t until the next run; channels, or elements in NCHW order.
 * One thread at a time. Returns 0 or a negative error. */
int mea_tail_run(struct mea_tail *t, const int8_t *nhwc, const float **y);

#endif

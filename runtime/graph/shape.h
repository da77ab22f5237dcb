/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of shape inference share. */
#ifndef MEA_SHAPE_H
#define MEA_SHAPE_H

#include "graph/graph.h"

/* axis counted from the front, or a negative error when it is out of range. */
int mea_axis(int64_t axis, int rank);

/* NumPy's broadcasting of two shapes; false when they do not fit. out may be one
 * of them. */
bool mea_broadcast(const struct mea_shape *a, const struct mea_shape *b, struct mea_shape *out);

/* mea_node_infer() for the operations that move elements without computing, and
 * for ReduceMean, which takes its axes as they do. */
int mea_infer_move(const struct mea_graph *g, struct mea_node *n, enum mea_dtype *type,
		   struct mea_shape *shape);

/* Marks the axes that ReduceMean n reduces (all of rank when it names none). */
int mea_reduce_axes(const struct mea_node *n, int rank, bool reduce[MEA_RANK_MAX]);

#endif

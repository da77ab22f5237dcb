/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The float executor: what a graph means, in plain C. It serves calibration,
 * constant folding, checks and the ONNX node tests. The same file gives the
 * same bits on every machine: sums run in one order and are never contracted
 * into fused multiply-adds.
 */
#ifndef MEA_EVAL_H
#define MEA_EVAL_H

#include "graph/graph.h"

/*
 * Computes one node of an inferred graph. in[i] is NULL for inputs left out;
 * out has type, shape and room. Fails, without naming the node, on what only
 * the data can show (an index out of range, a scale that is not positive).
 */
int mea_eval_node(const struct mea_node *n, const struct mea_tensor *const *in,
		  const struct mea_tensor *out);

/* A graph with room for all its tensors. One thread at a time. */
struct mea_eval;

/* g is borrowed and must not change until mea_eval_free(). */
int mea_eval_new(const struct mea_graph *g, struct mea_eval **out);
void mea_eval_free(struct mea_eval *e);

/*
 * Runs the graph on in[], the elements of each graph input in order, borrowed
 * until the next run. Afterwards mea_eval_value() gives any tensor of the graph,
 * intermediate ones included, until the next run.
 */
int mea_eval_run(struct mea_eval *e, const void *const *in);
struct mea_tensor mea_eval_value(const struct mea_eval *e, int value);

/* out[rows][cols] = a[rows][inner] b[inner][cols] + out, rows of each lda, ldb
 * and ldo apart; the sum runs over inner in order. */
void mea_gemm_f32(int rows, int cols, int inner, const float *a, size_t lda, const float *b,
		  size_t ldb, float *out, size_t ldo);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of mea_graph_simplify() share. */
#ifndef MEA_PASSES_H
#define MEA_PASSES_H

#include <stdio.h>

#include "graph/graph.h"

/* Replaces a node's inputs by copies of in. Returns 0 or MEA_ENOMEM. */
int mea_node_set_inputs(struct mea_graph *g, int node, const int *in, int n_in);

/*
 * Takes a node that hands value x on unchanged out of the way: its users read x.
 * A graph output keeps its name, so there x's own node computes it. What cannot
 * be bypassed (an input that is an output at once) stays. The node is dead
 * afterwards and goes with the next mea_graph_prune().
 */
void mea_node_bypass(struct mea_graph *g, int node, int x);

/* MaxPool of integers: between DequantizeLinear and QuantizeLinear, as lowering knows it. */
int mea_pass_integer_pool(struct mea_graph *g, int node);

/* x - y of two maps is x + (-1) y, where the factor is folded; not in a quantised graph. */
int mea_pass_difference(struct mea_graph *g, int node);

/* clip(x + 3, 0, 6) / 6, also where a product with x lies between, is HardSigmoid. */
int mea_pass_hard_sigmoid(struct mea_graph *g, int node);

/* Gemm behind a flattened NHWC map: its constant weights take the map as NCHW. */
int mea_pass_gemm_nhwc(struct mea_graph *g, int node);

/* A DequantizeLinear whose QuantizeLinear repeats the parameters of the value that nodes between
 * only moved: those nodes are read directly. */
int mea_pass_requantise(struct mea_graph *g, int node);
/* A chain of nodes that only moves whole channels becomes one Gather; pass_channels.c has which. */
int mea_pass_channels(struct mea_graph *g, int node);

/* Folds per-channel scale and shift; pass_affine.c says how. */
int mea_pass_affine(struct mea_graph *g);

#endif

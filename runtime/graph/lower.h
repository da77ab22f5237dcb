/* SPDX-License-Identifier: Apache-2.0 */
/* From a QDQ graph to the integers of qnet.h. */
#ifndef MEA_LOWER_H
#define MEA_LOWER_H

#include "graph/graph.h"
#include "graph/qnet.h"

/*
 * Lowers a QDQ graph. Every DequantizeLinear -> operation (-> Relu, Clip) ->
 * QuantizeLinear becomes one layer; a convolution whose only user is an Add
 * becomes a residual convolution. The float ends of the graph (QuantizeLinear of
 * an input, DequantizeLinear of an output) are left to the caller, who finds
 * scale and zero point in the net's tensors. A Softmax, LogSoftmax or Sigmoid left in float behind
 * the first output is left out. Other operations left in float there become the net's tail. uint8
 * tensors are shifted to int8. MEA_EUNSUPPORTED, naming the node, when a part of the graph is not
 * quantised or has no integer form; *out passes mea_qnet_check().
 */
int mea_qnet_from_graph(const struct mea_graph *g, struct mea_qnet **out);

/* Scale and zero point (shifted to int8) of a QuantizeLinear or DequantizeLinear
 * of an activation. Fails when they are not constant scalars. */
int mea_node_qparams(const struct mea_graph *g, const struct mea_node *n, float *scale, int *zero);

#endif

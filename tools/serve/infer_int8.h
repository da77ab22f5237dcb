/* SPDX-License-Identifier: Apache-2.0 */
/* The server's executor of int8 networks (infer.h), through the backends opencl and ref. */
#ifndef MEA_SERVE_INFER_INT8_H
#define MEA_SERVE_INFER_INT8_H

#include "serve/infer.h"

/*
 * Takes QDQ and QOperator files whose inputs and outputs are float32 or int8, maps N x C x H x W or
 * vectors N x C. Float32 is quantised as ONNX's QuantizeLinear does, and results are scaled back.
 * open() fails on others with MEA_EUNSUPPORTED. The answers are the bits of backend ref.
 */
extern const struct mea_infer_ops mea_infer_int8;

/* By whatever is fastest: int8 networks by mea_infer_int8, others by mea_infer_dnnl. Only its
 * platform and open() are there; what it opens has operations of its own. */
extern const struct mea_infer_ops mea_infer_any;

#endif

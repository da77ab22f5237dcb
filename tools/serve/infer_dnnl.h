/* SPDX-License-Identifier: Apache-2.0 */
/* The server's executor by oneDNN (infer.h). */
#ifndef MEA_SERVE_INFER_DNNL_H
#define MEA_SERVE_INFER_DNNL_H

#include "serve/infer.h"

/*
 * Takes models of one image input, bytes or floats, and one vector of logits that the trainer can
 * compile; open() hands any other to mea_infer_float, so that every model is served.
 */
extern const struct mea_infer_ops mea_infer_dnnl;

#endif

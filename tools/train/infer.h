/* SPDX-License-Identifier: Apache-2.0 */
/* The server's engine by oneDNN (cloud/infer.h). */
#ifndef MEA_TRAIN_INFER_H
#define MEA_TRAIN_INFER_H

#include "offload/infer.h"

/*
 * Takes models of one image input, bytes or floats, and one vector of logits that the trainer can
 * compile; open() hands any other to mea_infer_float, so that every model is served.
 */
extern const struct mea_infer_ops mea_infer_dnnl;

#endif

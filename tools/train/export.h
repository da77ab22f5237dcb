/* SPDX-License-Identifier: Apache-2.0 */
/* Trained networks in and out of bundles. */
#ifndef MEA_TRAIN_EXPORT_H
#define MEA_TRAIN_EXPORT_H

#include "mea/bundle_edit.h"
#include "train/fit.h"

/* Divides output 0, which a Gemm must compute, by t, in the Gemm's weights. Accuracy stays,
 * confidences change. */
int mea_tmodel_cool(struct mea_tmodel *m, double t);

/*
 * Writes m as FILE. bytes: with an input of bytes, N x height x width x RGB, whose normalisation
 * is part of the graph, as a cloud model's is.
 */
int mea_tmodel_write(const struct mea_tmodel *m, bool bytes, const char *path);

/* Reads a network; one with an input of bytes loses the nodes that normalise it, and m->mean and
 * m->std are theirs. Others get mean and std as given. */
int mea_tmodel_read(const char *path, const float mean[3], const float std[3],
		    struct mea_tmodel *m);

/* Makes m network net of the bundle that is being changed. */
int mea_tmodel_enter(const struct mea_tmodel *m, struct mea_bundle_edit *e, enum mea_net net);

#endif

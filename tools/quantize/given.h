/* SPDX-License-Identifier: Apache-2.0 */
/* A float ONNX file as a user gives it, and as a bundle wants it. */
#ifndef MEA_GIVEN_H
#define MEA_GIVEN_H

#include "graph/graph.h"
#include "mea/option.h"

/* --input: channels, height and width of an image whose sides the file leaves open. Zeros: not
 * given. */
struct given_options {
	int64_t input[3];
};
extern const struct row given_options[];

struct given {
	struct mea_graph *g;
	struct mea_ends ends;
	bool as_is;	/* the file itself may stand in a bundle */
	bool quantised; /* it is its own int8 form */
};

/* Reads the file at path and gives it a bundle's ends; of a cloud model, only the logits change,
 * as its image is uint8. m is for given_free() in any case. */
int given_load(const char *path, const struct given_options *opt, bool cloud, struct given *m);
void given_free(struct given *m);

/* Fails when m, from path, takes pixels as they are and mean or std (of NaN: not given) says
 * otherwise; sets them if it does. */
int given_normalise(const struct given *m, const char *path, float mean[3], float std[3]);

/* Prints what of the model called name is not in its int8 form, if anything, and if it is that
 * form. */
void given_tell(const struct given *m, const char *name);

#endif

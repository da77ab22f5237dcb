/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle with its int8 networks read, checked against it and each other. */
#ifndef MEA_MODEL_H
#define MEA_MODEL_H

#include <stdbool.h>

#include "graph/qnet.h"
#include "meanet/bundle.h"
#include "meanet/preprocess.h"

/* Where a network's tensors stand; bundles keep this order. */
enum { MEA_IN_IMAGE, MEA_IN_FEATURES };
enum { MEA_OUT_LOGITS, MEA_OUT_FEATURES };

struct mea_model {
	struct mea_bundle *bundle;
	struct mea_qnet *main, *extension; /* extension: NULL when there is none */
	struct mea_preprocess pre_main, pre_extension;
	/* The extension takes the very bytes that main took as its image. */
	bool same_image;
};

/* Loads the int8 networks of the bundle in folder dir. */
int mea_model_load(const char *dir, struct mea_model **out);

/*
 * Checks that bundle, main and extension fit together and prepares the rest of m
 * from them; mea_model_load() does it, tests build models of their own.
 */
int mea_model_link(struct mea_model *m);

/* Frees m with its bundle and networks; NULL is fine. */
void mea_model_free(struct mea_model *m);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The accuracy of a MEANet's exits, from both exits' opinions on every image. */
#ifndef MEA_FIGURES_H
#define MEA_FIGURES_H

#include <stddef.h>

#include "meanet/exits.h"

struct mea_figures {
	size_t images, main_right, cascade_right, at_main;
	size_t hard_images, main_right_on_hard, extension_right_on_hard;
	size_t detected; /* hard or easy recognised as such by main */
	size_t complex;
};

/*
 * Adds an image of class label; extension NULL when the bundle has none. The
 * cascade is Algorithm 2 without a cloud.
 */
void mea_figures_add(struct mea_figures *f, const struct mea_bundle *b,
		     const struct mea_opinion *main, const struct mea_opinion *extension,
		     int label);

/* As an object for bundle.json, in percent with two digits; a new reference. */
json_t *mea_figures_json(const struct mea_figures *f, const char *data);

#endif

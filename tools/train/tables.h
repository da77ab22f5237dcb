/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables of the MEANet paper count, from all networks' logits on an image, and the
 * paper's own figures. */
#ifndef MEA_TRAIN_TABLES_H
#define MEA_TRAIN_TABLES_H

#include "quantize/figures.h"

struct mea_tables {
	struct mea_figures f;
	/* On images of hard classes, the extension always asked: */
	size_t masked_right; /* main, choosing among hard classes only */
	size_t surer_right;  /* the surer of main and extension */
	/* Main's errors (figure 5) */
	size_t easy_as_hard, hard_as_easy, easy_as_easy, hard_as_hard;
	/* With a cloud, at the bundle's threshold: */
	size_t cloud_right, sent, joint_right;
};

/* Adds an image of class label. extension and cloud: logits, or NULL. */
void mea_tables_add(struct mea_tables *t, const struct mea_bundle *b, const float *main,
		    const float *extension, const float *cloud, int label);

/*
 * Figures of the paper in percent for a network, or a bundle with its name in its own, on CIFAR-100
 * or ImageNet with that many hard classes, chosen by precision or at random; NaN where it has none.
 * (Long et al., ICDCS 2021: tables II to V and figure 5, of which it does not say which network it
 * shows; the shares times the error rate are those of the networks here.)
 */
struct mea_paper {
	double train_main, train_meanet, test_main, test_meanet; /* table II, or V */
	double all_main, all_meanet, detection;			 /* table III, or IV */
	double errors[4];					 /* figure 5 */
};
struct mea_paper mea_paper_figures(const char *net, const char *data, int hard, bool random);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Losses on logits, n rows of k, with their gradients. */
#ifndef MEA_TRAIN_LOSS_H
#define MEA_TRAIN_LOSS_H

#include <stddef.h>

/* What is learned from: target probabilities and, where there is a teacher, its logits. */
struct mea_goal {
	const float *target;	  /* n x k; rows sum to 1, or are 0 and do not count */
	const float *teacher;	  /* n x k, or NULL */
	float share, temperature; /* of the teacher in the loss */
};

/*
 * grad = weight x gradient of the mean loss. Cross-entropy H(target, softmax(z)); with a teacher
 * (1 - share) H(target, softmax(z)) + share T^2 KL(softmax(teacher / T) || softmax(z / T))
 * (Hinton, Vinyals and Dean, arXiv 1503.02531). Returns the mean loss without weight; a NaN
 * among the logits makes it NaN.
 */
double mea_loss(int n, int k, const float *logits, const struct mea_goal *goal, float weight,
		float *grad);

/* Rows whose largest logit, the first of equals, is at label. */
size_t mea_count_right(int n, int k, const float *logits, const int *label);

#endif

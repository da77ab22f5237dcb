/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of Algorithm 1 (Long et al., ICDCS 2021) that look at predictions. All on the
 * held-out split of the training data, never on test images. */
#ifndef MEA_TRAIN_ALGORITHM_H
#define MEA_TRAIN_ALGORITHM_H

#include "train/set.h"

/*
 * Precision of each class: right answers among the answers that name it. A class that no answer
 * names has precision 0: nothing speaks for it.
 */
void mea_class_precision(const struct mea_pick *p, const float *logits, int classes,
			 double *precision);

/* The n classes of lowest precision (the lower number first among equals), in the order of their
 * numbers: hard[] is the class dictionary. */
void mea_hard_classes(const double *precision, int classes, int n, int *hard);

/* n classes at random, in the order of their numbers: the control that table IV has. */
void mea_random_classes(uint64_t seed, int classes, int n, int *hard);

/* Mean entropy in nats of right and of wrong answers; NaN where there are none. */
void mea_mean_entropies(const struct mea_pick *p, const float *logits, int classes, double *correct,
			double *wrong);

/*
 * The T > 0 with the least cross-entropy of softmax(logits / T) on the images whose class has
 * map[class] >= 0 (map NULL: all), between 0.05 and 20 (Guo et al., ICML 2017). 1 without such
 * images.
 */
double mea_temperature(const struct mea_pick *p, const float *logits, int outputs, const int *map);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled images in memory, and how a batch is made of them. */
#ifndef MEA_TRAIN_SET_H
#define MEA_TRAIN_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/data.h"

struct mea_set {
	uint8_t *rgb; /* n x height x width x 3 */
	int *label;
	size_t n;
	int width, height, classes;
	char **names;	/* one a class; a class without a name is called by its number */
	size_t counted; /* bytes of it that mem.h has counted */
};

/* Reads all of a data set as want says. It must have labels; an error names the file. */
int mea_set_load(const char *path, const struct mea_data_want *want, struct mea_set **out);
void mea_set_free(struct mea_set *s);
/* The images of a and then those of b; their classes must be the same. */
int mea_set_join(const struct mea_set *a, const struct mea_set *b, struct mea_set **out);

/* Images of a set, by number: what is trained or measured on. */
struct mea_pick {
	const struct mea_set *set; /* borrowed */
	uint32_t *index;	   /* owned */
	size_t n;
};

/*
 * Splits the set at random: held gets n / 10 images (the paper's validation split), kept the
 * rest. The same seed gives the same split.
 */
int mea_set_split(const struct mea_set *s, uint64_t seed, struct mea_pick *kept,
		  struct mea_pick *held);
/* All images of a set. */
int mea_set_all(const struct mea_set *s, struct mea_pick *p);
/* A copy of a pick. */
int mea_pick_copy(const struct mea_pick *p, struct mea_pick *copy);
/* Keeps only images whose class has map[class] >= 0. */
void mea_pick_keep(struct mea_pick *p, const int *map);
/* Fails, naming it, when a class has no image in p: nothing could be learned of it. map NULL:
 * all classes, else those with map[class] >= 0. */
int mea_pick_check(const struct mea_pick *p, const int *map);

struct mea_augment {
	int pad;	 /* moves by up to so many pixels; 0: none */
	bool mirror;	 /* half of the images */
	int cutout;	 /* a square of that side is covered; 0: none */
	float mixup;	 /* images are mixed in pairs, shares from Beta(mixup, mixup); 0: none */
	uint8_t fill[3]; /* what comes in from outside */
};

/* A batch: images as bytes and target probabilities. */
struct mea_batch {
	int n, classes;
	uint8_t *rgb;	/* n x height x width x 3 */
	float *target;	/* n x classes */
	int *label;	/* the larger share's */
	uint8_t *other; /* room for what is mixed in */
	float *other_target;
	int first, whole; /* it is images first .. first + n - 1 of a batch of whole images */
};

/* A whole batch of n images; first and whole may be changed afterwards. */
int mea_batch_new(const struct mea_set *s, int n, int classes, struct mea_batch *b);
void mea_batch_free(struct mea_batch *b);

/*
 * Fills b with its images of a whole batch, which is images step whole .. step whole + whole - 1
 * of epoch's random order. map gives the target of a class (NULL: itself; -1: none, a row of
 * zeros); smoothing is the share that all targets have evenly. Depends on seed, epoch and step
 * alone, and a slice is the same as in the whole.
 */
void mea_batch_fill(struct mea_batch *b, const struct mea_pick *p, const uint32_t *order,
		    const int *map, float smoothing, const struct mea_augment *a, uint64_t seed,
		    int epoch, size_t step);

/* The order of an epoch: a permutation of 0 .. n - 1. */
void mea_epoch_order(uint64_t seed, int epoch, size_t n, uint32_t *order);

/* NHWC floats (p / 255 - mean) / std, or their bfloat16. */
void mea_batch_normalise(const uint8_t *rgb, size_t pixels, const float mean[3], const float std[3],
			 bool bf16, void *out);

#endif

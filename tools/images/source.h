/* SPDX-License-Identifier: Apache-2.0 */
/* One part of a data set: a file of samples, an image file, or glyphs. */
#ifndef MEA_DATA_SOURCE_H
#define MEA_DATA_SOURCE_H

#include "data.h"
#include "images/names.h"

struct mea_source {
	char *path; /* as given; "glyphs" for drawn ones; owned */
	size_t count;
	/* Reads image i as w x h RGB. */
	int (*get)(struct mea_source *s, size_t i, int w, int h, uint8_t *rgb, int *label);
	int fd;	     /* samples: the open file, else -1 */
	int sample;  /* samples: bytes of one; the label is the last before the pixels */
	int classes; /* labels are below this; 0: images have none */
	uint32_t seed;
	bool train;
};

/* Fills *s from a file of CIFAR samples of `classes` classes (0: the format's own
 * number), told apart by size. */
int mea_source_samples(const char *path, struct mea_source *s);

/* Releases what s owns. */
void mea_source_close(struct mea_source *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images with their labels, from any source, behind one interface: CIFAR-10 and
 * CIFAR-100 in the binary version, PNG and JPEG files, or glyphs drawn in
 * memory. One object is used by one thread at a time.
 */
#ifndef MEA_DATA_H
#define MEA_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/resize.h"

struct mea_data;

struct mea_data_want {
	int width, height;	  /* images are resized to this */
	bool train;		  /* the training split of a folder instead of the test split */
	uint32_t glyphs;	  /* how many glyphs to draw when there is no path; 0: 1000 */
	struct mea_resize resize; /* zeroed: the centre, bilinear */
	/* What labels are numbers of, until mea_data_open() returns; NULL: what the set says. */
	const char *const *classes;
	int n_classes;
};

/*
 * Opens one data set made of all paths in order. A path is
 *
 * - a PNG or JPEG file, or "-": one on stdin;
 * - a file of CIFAR-10 or CIFAR-100 samples;
 * - a CSV file, FILE,CLASS in each line;
 * - a folder. The first of these counts that it holds: CIFAR samples (test.bin or test_batch.bin;
 *   train.bin or data_batch_1..5.bin); the folders train and val, or test, of folders of pictures,
 *   one a class (or, as Tiny ImageNet has it, val with val_annotations.txt); PNG and JPEG files;
 *   folders of pictures, one a class.
 *
 * Without a path it is MEA_DATA from the environment, and without that glyphs. A damaged picture is
 * an error when it is read. Returns 0 or a negative error that names the file.
 */
int mea_data_open(const char *const *paths, int n_paths, const struct mea_data_want *want,
		  struct mea_data **out);

/* Closes the set; NULL is fine. */
void mea_data_close(struct mea_data *d);

/* How many images there are; at least one. */
size_t mea_data_count(const struct mea_data *d);

/* Classes that labels can name, 0 when no image has a label. */
int mea_data_classes(const struct mea_data *d);

/* The name of a class, NULL when the set came without names. */
const char *mea_data_class_name(const struct mea_data *d, int label);

/* Reads image i as width x height x RGB bytes; *label is -1 when unknown. */
int mea_data_get(struct mea_data *d, size_t i, uint8_t *rgb, int *label);

/* Writes where image i comes from, "FILE" or "FILE#sample", to text. */
void mea_data_where(const struct mea_data *d, size_t i, char *text, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the data set share: its list of sources, and how paths fill it. */
#ifndef MEA_DATA_SOURCE_H
#define MEA_DATA_SOURCE_H

#include "data.h"
#include "images/names.h"

struct mea_image;

/* One part of a data set: a file of samples, a picture, or glyphs. */
struct mea_source {
	char *path;	     /* as given; "glyphs" for drawn ones; owned */
	size_t first, count; /* its images' numbers in the set */
	/* Reads image i as want says. */
	int (*get)(const struct mea_source *s, size_t i, const struct mea_data_want *want,
		   uint8_t *rgb, int *label);
	int fd;		/* samples: the open file, else -1 */
	int sample;	/* samples: bytes of one; the label is the last before the pixels */
	int classes;	/* labels are below this; 0: images have none */
	int label;	/* pictures: -1: not known */
	uint8_t *bytes; /* a picture that came through a pipe: n_bytes; owned */
	size_t n_bytes;
	bool train; /* glyphs */
};

struct mea_data {
	struct mea_data_want want;
	struct mea_source *sources;
	size_t n_sources, count;
	int classes;
	struct mea_names names;
};

/* Fills *s from a file of CIFAR samples of `classes` classes (0: the format's own
 * number), told apart by size. */
int mea_source_samples(const char *path, struct mea_source *s);

/* Releases what s owns. */
void mea_source_close(struct mea_source *s);

/* --- data.c: what a path may be -------------------------------------------------------------- */

/* Adds a picture, which is read when it is asked for, with a label or -1. */
int mea_data_add_picture(struct mea_data *d, const char *path, int label);
/* Adds a picture or a file of samples. */
int mea_data_add_file(struct mea_data *d, const char *path);

/* --- folders.c ------------------------------------------------------------------------------- */

int mea_data_add_folder(struct mea_data *d, const char *dir);

/* --- labels.c: pictures whose labels are texts ------------------------------------------------ */

struct mea_labelled {
	struct mea_names names; /* each once */
	struct {
		char *path;
		int name;
	} * items;
	size_t n;
};

/* What the labels of d are numbers of from now on, unless that is known: the classes that the
 * caller wants, or else these, which are copied. */
int mea_data_know_classes(struct mea_data *d, const char *const *classes, int n);
/* Appends a picture of the class names.name[name]; copies path. */
int mea_labelled_add(struct mea_labelled *l, const char *path, int name);
/* Adds the pictures to d; from: where they are from, for errors. Labels become numbers of the
 * classes that d has or must have, by name; in the order of the names where none is a class and
 * there are as many; else the names become the classes of d. */
int mea_data_add_labelled(struct mea_data *d, const struct mea_labelled *l, const char *from);
void mea_labelled_free(struct mea_labelled *l);

/* Adds the pictures of a CSV file: a path, beside the file itself, and a class or its number in
 * each line. */
int mea_data_add_csv(struct mea_data *d, const char *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The options by which subcommands take images. */
#ifndef MEA_TOOL_IMAGES_H
#define MEA_TOOL_IMAGES_H

#include "images/data.h"
#include "mea/tool.h"

struct images {
	struct option_list paths;
	size_t limit;	       /* 0: all */
	struct mea_data *data; /* set by images_open() */
	size_t count;	       /* min(limit, what there is) */
};

/* Tables of struct images: --data and --limit; --data alone. */
extern const struct row images_options[], image_options[];

struct mea_bundle;

/* What a bundle asks of its images: size, way to resize, classes. Fails where its field resize is
 * wrong. */
int images_want(const struct mea_bundle *b, struct mea_data_want *want);

/* Opens the set, of a bundle (b) as it asks and with its classes, or as want says. Returns 0 or a
 * negative error. */
int images_open(struct images *im, const struct mea_data_want *want, const struct mea_bundle *b);

/* Why b does not say which of n training images mea train held out (NULL: it does, by *seed of
 * mea_set_split()): it was not made by mea train, or from another number of images. */
const char *images_not_split(const struct mea_bundle *b, size_t n, uint64_t *seed);

/* Frees all; a zeroed struct is fine. */
void images_close(struct images *im);

/* The first path, MEA_DATA's, or "glyphs", for headings. */
const char *images_title(const struct images *im);

/* The same without folders above the last, for notes that travel. */
void images_name(const struct images *im, char *text, size_t size);

#endif

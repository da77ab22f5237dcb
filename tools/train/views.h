/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A teacher's answers, kept. Where a recipe shows every image in a limited number of views
 * (crops, mirrored or not), the teacher has answered all of them after as many epochs, and
 * training goes on without its forward passes. In a file they also serve the training that goes
 * on after a stop, and other networks that learn from the same teacher, even at the same time.
 */
#ifndef MEA_TRAIN_VIEWS_H
#define MEA_TRAIN_VIEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mea_views;

/* For n images in so many views, with answers of so many classes, in memory. */
int mea_views_new(int views, size_t n, int classes, struct mea_views **out);
/* The same in the file at path, which is made, at its full size, when it is not there. `asked`
 * (up to 3,000 bytes) says who answered what: a file that says otherwise, or is no such file, is
 * refused with MEA_EINVAL and stays as it is; without room for it MEA_EIO. Up to 1,023
 * classes, so that an answer is within a page and a machine that loses power keeps whole ones. */
int mea_views_open(const char *path, const char *asked, int views, size_t n, int classes,
		   struct mea_views **out);
void mea_views_free(struct mea_views *v); /* NULL is allowed; a file stays */

/* Copies the answers to count images, which index numbers, into out (count x classes); false,
 * with out undefined, when one of them is not known yet. */
bool mea_views_get(const struct mea_views *v, int view, const uint32_t *index, int count,
		   float *out);
void mea_views_put(struct mea_views *v, int view, const uint32_t *index, int count,
		   const float *answers);

#endif

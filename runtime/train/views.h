/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A teacher's answers, kept. Where a recipe shows every image in a limited number of views
 * (crops, mirrored or not), the teacher has answered all of them after as many epochs, and
 * training goes on without its forward passes.
 */
#ifndef MEA_TRAIN_VIEWS_H
#define MEA_TRAIN_VIEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mea_views;

/* For n images in so many views, with answers of so many classes: views x n x classes floats. */
int mea_views_new(int views, size_t n, int classes, struct mea_views **out);
void mea_views_free(struct mea_views *v); /* NULL is allowed */

/* Copies the answers to count images, which index numbers, into out (count x classes); false,
 * with out undefined, when one of them is not known yet. */
bool mea_views_get(const struct mea_views *v, int view, const uint32_t *index, int count,
		   float *out);
void mea_views_put(struct mea_views *v, int view, const uint32_t *index, int count,
		   const float *answers);

#endif

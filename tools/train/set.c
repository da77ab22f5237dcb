// SPDX-License-Identifier: Apache-2.0
#include "train/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/mem.h"
#include "train/rng.h"

#define PURPOSE_SPLIT 2

static int read_names(const struct mea_data *d, struct mea_set *s)
{
	s->names = calloc((size_t)s->classes, sizeof(*s->names));
	if (!s->names)
		return mea_nomem();
	for (int i = 0; i < s->classes; i++) {
		const char *name = mea_data_class_name(d, i);
		char number[24];

		snprintf(number, sizeof(number), "%d", i);
		s->names[i] = strdup(name ? name : number);
		if (!s->names[i])
			return mea_nomem();
	}
	return 0;
}

static int read_images(struct mea_data *d, struct mea_set *s)
{
	size_t bytes = (size_t)s->width * (size_t)s->height * 3;

	s->rgb = malloc(s->n * bytes);
	s->label = malloc(s->n * sizeof(*s->label));
	if (!s->rgb || !s->label)
		return mea_nomem();
	for (size_t i = 0; i < s->n; i++) {
		int rc = mea_data_get(d, i, s->rgb + i * bytes, &s->label[i]);
		char where[256];

		if (rc)
			return rc;
		if (s->label[i] >= 0 && s->label[i] < s->classes)
			continue;
		mea_data_where(d, i, where, sizeof(where));
		return mea_fail(MEA_EINVAL, "%s: has no label", where);
	}
	return 0;
}

static void count(struct mea_set *s)
{
	s->counted = s->n * (size_t)s->width * (size_t)s->height * 3;
	mea_mem_count(MEA_MEM_IMAGES, (ptrdiff_t)s->counted);
}

static int load(const char *path, const struct mea_data_want *want, struct mea_set *s)
{
	struct mea_data *d = NULL;
	int rc = mea_data_open(&path, path ? 1 : 0, want, &d);

	if (!rc) {
		s->width = want->width;
		s->height = want->height;
		s->n = mea_data_count(d);
		s->classes = mea_data_classes(d);
		if (s->classes < 1)
			rc = mea_fail(MEA_EINVAL, "%s: its images have no labels", path);
	}
	if (!rc)
		rc = read_names(d, s);
	if (!rc)
		rc = read_images(d, s);
	mea_data_close(d);
	return rc;
}

int mea_set_load(const char *path, const struct mea_data_want *want, struct mea_set **out)
{
	struct mea_set *s = calloc(1, sizeof(*s));
	int rc = s ? load(path, want, s) : mea_nomem();

	if (rc) {
		mea_set_free(s);
		return rc;
	}
	count(s);
	*out = s;
	return 0;
}

void mea_set_free(struct mea_set *s)
{
	if (!s)
		return;
	mea_mem_count(MEA_MEM_IMAGES, -(ptrdiff_t)s->counted);
	for (int i = 0; s->names && i < s->classes; i++)
		free(s->names[i]);
	free(s->names);
	free(s->rgb);
	free(s->label);
	free(s);
}

int mea_set_join(const struct mea_set *a, const struct mea_set *b, struct mea_set **out)
{
	size_t bytes = (size_t)a->width * (size_t)a->height * 3;
	struct mea_set *s;

	if (a->classes != b->classes || a->width != b->width || a->height != b->height)
		return mea_fail(MEA_EINVAL, "%d and %d classes: the data sets do not fit",
				a->classes, b->classes);
	for (int c = 0; c < a->classes; c++)
		if (strcmp(a->names[c], b->names[c]))
			return mea_fail(MEA_EINVAL, "class %d is '%s' in one and '%s' in the other",
					c, a->names[c], b->names[c]);
	s = calloc(1, sizeof(*s));
	if (!s)
		return mea_nomem();
	*s = (struct mea_set){.n = a->n + b->n, .width = a->width, .height = a->height};
	s->rgb = malloc(s->n * bytes);
	s->label = malloc(s->n * sizeof(*s->label));
	s->names = calloc((size_t)a->classes, sizeof(*s->names));
	for (; s->names && s->classes < a->classes; s->classes++) {
		s->names[s->classes] = strdup(a->names[s->classes]);
		if (!s->names[s->classes])
			break;
	}
	if (!s->rgb || !s->label || s->classes < a->classes) {
		mea_set_free(s);
		return mea_nomem();
	}
	memcpy(s->rgb, a->rgb, a->n * bytes);
	memcpy(s->rgb + a->n * bytes, b->rgb, b->n * bytes);
	memcpy(s->label, a->label, a->n * sizeof(*s->label));
	memcpy(s->label + a->n, b->label, b->n * sizeof(*s->label));
	count(s);
	*out = s;
	return 0;
}

static void shuffle(struct mea_rng r, size_t n, uint32_t *order)
{
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	for (size_t i = n; i > 1; i--) {
		uint32_t j = mea_rng_below(&r, (uint32_t)i), t = order[i - 1];

		order[i - 1] = order[j];
		order[j] = t;
	}
}

void mea_epoch_order(uint64_t seed, int epoch, size_t n, uint32_t *order)
{
	shuffle(mea_rng_at(seed, PURPOSE_SPLIT, 1, (uint64_t)epoch), n, order);
}

int mea_set_all(const struct mea_set *s, struct mea_pick *p)
{
	*p = (struct mea_pick){s, malloc((s->n + 1) * sizeof(*p->index)), s->n};
	if (!p->index)
		return mea_nomem();
	for (size_t i = 0; i < s->n; i++)
		p->index[i] = (uint32_t)i;
	return 0;
}

int mea_set_split(const struct mea_set *s, uint64_t seed, struct mea_pick *kept,
		  struct mea_pick *held)
{
	size_t n = s->n / 10;
	int rc = mea_set_all(s, kept);

	*held = (struct mea_pick){0};
	if (rc)
		return rc;
	rc = mea_set_all(s, held);
	if (rc) {
		free(kept->index);
		*kept = (struct mea_pick){0};
		return rc;
	}
	shuffle(mea_rng_at(seed, PURPOSE_SPLIT, 0, 0), s->n, kept->index);
	memcpy(held->index, kept->index, n * sizeof(*held->index));
	memmove(kept->index, kept->index + n, (s->n - n) * sizeof(*kept->index));
	held->n = n;
	kept->n = s->n - n;
	return 0;
}

int mea_pick_copy(const struct mea_pick *p, struct mea_pick *copy)
{
	*copy = (struct mea_pick){p->set, malloc((p->n + 1) * sizeof(*copy->index)), p->n};
	if (!copy->index)
		return mea_nomem();
	memcpy(copy->index, p->index, p->n * sizeof(*copy->index));
	return 0;
}

void mea_pick_keep(struct mea_pick *p, const int *map)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (map[p->set->label[p->index[i]]] >= 0)
			p->index[n++] = p->index[i];
	p->n = n;
}

int mea_pick_check(const struct mea_pick *p, const int *map)
{
	const struct mea_set *s = p->set;
	size_t *count = calloc((size_t)s->classes, sizeof(*count));
	int wanted = 0, rc = 0;

	if (!count)
		return mea_nomem();
	for (size_t i = 0; i < p->n; i++)
		count[s->label[p->index[i]]]++;
	for (int c = 0; c < s->classes && !rc; c++) {
		if (map && map[c] < 0)
			continue;
		wanted++;
		if (!count[c])
			rc = mea_fail(MEA_EINVAL, "class %d (%s) has no image to train on", c,
				      s->names[c]);
	}
	if (!rc && wanted < 2)
		rc = mea_fail(MEA_EINVAL,
			      "%d class: there is nothing to tell apart with fewer than two",
			      wanted);
	free(count);
	return rc;
}

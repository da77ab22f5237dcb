// SPDX-License-Identifier: Apache-2.0
#include "train/views.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

struct mea_views {
	size_t n, classes;
	float *answers; /* view, image, class */
	bool *known;	/* view, image */
};

int mea_views_new(int views, size_t n, int classes, struct mea_views **out)
{
	struct mea_views *v = calloc(1, sizeof(*v));
	size_t all = (size_t)views * n;

	*out = v;
	if (v) {
		v->n = n;
		v->classes = (size_t)classes;
		v->answers = calloc(all, v->classes * sizeof(*v->answers));
		v->known = calloc(all, sizeof(*v->known));
	}
	if (v && v->answers && v->known)
		return 0;
	mea_views_free(v);
	*out = NULL;
	return mea_fail(MEA_ENOMEM, "no memory for a teacher's answers to %zu images in %d views",
			n, views);
}

void mea_views_free(struct mea_views *v)
{
	if (!v)
		return;
	free(v->answers);
	free(v->known);
	free(v);
}

static size_t place(const struct mea_views *v, int view, uint32_t index)
{
	return (size_t)view * v->n + index;
}

bool mea_views_get(const struct mea_views *v, int view, const uint32_t *index, int count,
		   float *out)
{
	for (int i = 0; i < count; i++) {
		size_t at = place(v, view, index[i]);

		if (!v->known[at])
			return false;
		memcpy(out + (size_t)i * v->classes, v->answers + at * v->classes,
		       v->classes * sizeof(*out));
	}
	return true;
}

void mea_views_put(struct mea_views *v, int view, const uint32_t *index, int count,
		   const float *answers)
{
	for (int i = 0; i < count; i++) {
		size_t at = place(v, view, index[i]);

		memcpy(v->answers + at * v->classes, answers + (size_t)i * v->classes,
		       v->classes * sizeof(*answers));
		v->known[at] = true;
	}
}

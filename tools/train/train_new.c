// SPDX-License-Identifier: Apache-2.0
/*
 * The edge learns from new images of a user: the bundle's extension goes on learning, on the new
 * images of hard classes and as many of those it knows, so that it does not forget them. Says what
 * came of it on held-out images of both kinds.
 */
#include "images/images.h"
#include "train.h"

#include "base/error.h"
#include "train/algorithm.h"
#include "train/export.h"
#include "train/loss.h"

#include <stdlib.h>
#include <string.h>

enum { NEW, OLD, KINDS };

struct update {
	struct mea_bundle *b;
	struct mea_tmodel main, extension;
	struct mea_set *old, *both;
	struct mea_pick kept[KINDS], held[KINDS]; /* of both, hard classes only */
	struct mea_pick mixed;
	double before[KINDS], after[KINDS];
};

static int read_net(const struct mea_bundle *b, enum mea_net net, struct mea_tmodel *m)
{
	char *path;
	int rc = mea_bundle_path(b, net, MEA_FLOAT, &path);

	if (!rc)
		rc = mea_tmodel_read(path, b->mean, b->std, m);
	free(path);
	return rc;
}

static int load(const struct train *t, struct update *u)
{
	struct mea_data_want want = {.train = true};
	int rc = mea_bundle_load(t->out, &u->b);

	if (!rc)
		rc = read_net(u->b, MEA_NET_MAIN, &u->main);
	if (!rc)
		rc = read_net(u->b, MEA_NET_EXTENSION, &u->extension);
	if (!rc && u->b->n_classes != t->set->classes)
		rc = mea_fail(MEA_EINVAL, "%s: has %d classes, the data %d", t->out,
			      u->b->n_classes, t->set->classes);
	if (!rc)
		rc = images_want(u->b, &want);
	if (!rc)
		rc = mea_set_load(t->keep, &want, &u->old);
	return rc ? rc : mea_set_join(t->set, u->old, &u->both);
}

/* Splits each kind as training did, and moves its numbers to where it stands in both. */
static int split(const struct train *t, struct update *u)
{
	const struct mea_set *sets[KINDS] = {t->set, u->old};

	for (int k = 0; k < KINDS; k++) {
		int rc = mea_set_split(sets[k], t->recipe.seed, &u->kept[k], &u->held[k]);
		uint32_t first = k == OLD ? (uint32_t)t->set->n : 0;
		struct mea_pick *p[2] = {&u->kept[k], &u->held[k]};

		if (rc)
			return rc;
		for (int i = 0; i < 2; i++) {
			for (size_t j = 0; j < p[i]->n; j++)
				p[i]->index[j] += first;
			p[i]->set = u->both;
			mea_pick_keep(p[i], u->b->hard_index);
		}
		if (!p[0]->n || !p[1]->n)
			return mea_fail(
				MEA_EINVAL,
				"%s: too few images of hard classes, %zu to train on and %zu "
				"held out",
				k == OLD ? t->keep : t->data, p[0]->n, p[1]->n);
	}
	return 0;
}

/* All new ones, and as many old ones; the split has shuffled them. */
static int mix(struct update *u)
{
	size_t n = u->kept[NEW].n, m = n < u->kept[OLD].n ? n : u->kept[OLD].n;

	u->mixed = (struct mea_pick){u->both, malloc((n + m) * sizeof(uint32_t)), n + m};
	if (!u->mixed.index)
		return mea_nomem();
	memcpy(u->mixed.index, u->kept[NEW].index, n * sizeof(uint32_t));
	memcpy(u->mixed.index + n, u->kept[OLD].index, m * sizeof(uint32_t));
	return 0;
}

static int measure(struct update *u, const struct mea_recipe *c, double accuracy[KINDS])
{
	size_t k = (size_t)u->b->n_hard;

	for (int i = 0; i < KINDS; i++) {
		const struct mea_pick *p = &u->held[i];
		float *logits = malloc(p->n * k * sizeof(*logits));
		size_t right = 0;
		int rc = logits ? mea_predict(&u->main, &u->extension, p, c, NULL, logits)
				: mea_nomem();

		for (size_t j = 0; j < p->n && !rc; j++)
			right += mea_count_right(1, (int)k, logits + j * k,
						 &u->b->hard_index[p->set->label[p->index[j]]]);
		free(logits);
		if (rc)
			return rc;
		accuracy[i] = 100.0 * (double)right / (double)p->n;
	}
	return 0;
}

static int fit(struct train *t, struct update *u)
{
	struct mea_fit f = {.net = &u->extension,
			    .front = &u->main,
			    .kept = &u->mixed,
			    .held = &u->held[NEW],
			    .map = u->b->hard_index,
			    .outputs = u->b->n_hard};

	return train_fit(t, &f);
}

static int finish(const struct train *t, struct update *u)
{
	struct mea_bundle_edit *e;
	int rc = mea_bundle_edit_begin(t->out, &e);

	if (rc)
		return rc;
	rc = mea_bundle_edit_same(e, u->b);
	if (!rc)
		rc = mea_tmodel_enter(&u->extension, e, MEA_NET_EXTENSION);
	json_object_del(e->doc, "accuracy");
	if (!rc)
		rc = mea_bundle_edit_commit(e);
	mea_bundle_edit_end(e);
	if (rc)
		return rc;
	printf("extension, held-out images of hard classes   before    after\n");
	printf("  new, %6zu images                        %7.2f %% %7.2f %%\n", u->held[NEW].n,
	       u->before[NEW], u->after[NEW]);
	printf("  old, %6zu images                        %7.2f %% %7.2f %%\n", u->held[OLD].n,
	       u->before[OLD], u->after[OLD]);
	return 0;
}

int train_new(struct train *t)
{
	struct mea_recipe before = train_recipe_before(t);
	struct update u = {0};
	int rc = load(t, &u);

	if (!rc)
		snprintf(t->basis, sizeof(t->basis), "%s",
			 u.b->files[MEA_NET_EXTENSION][MEA_FLOAT].sha256);
	if (!rc)
		rc = split(t, &u);
	if (!rc)
		rc = mix(&u);
	if (!rc)
		rc = measure(&u, &before, u.before);
	if (!rc)
		rc = fit(t, &u);
	if (!rc)
		rc = measure(&u, &t->recipe, u.after);
	if (!rc)
		rc = finish(t, &u);
	if (!rc)
		rc = train_quantize(t, (const struct mea_set *const[]){t->set, u.old}, 2);
	for (int k = 0; k < KINDS; k++) {
		free(u.kept[k].index);
		free(u.held[k].index);
	}
	free(u.mixed.index);
	mea_tmodel_free(&u.extension);
	mea_tmodel_free(&u.main);
	mea_set_free(u.old);
	mea_set_free(u.both);
	mea_bundle_free(u.b);
	return rc;
}

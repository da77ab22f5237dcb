// SPDX-License-Identifier: Apache-2.0
/* mea eval: the paper's tables for bundles. eval_print.c prints them. */
#include "eval.h"
#include "mea/files.h"
#include "images/images.h"

#include "base/error.h"
#include "train/dnnl.h"
#include "train/export.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

struct args {
	const char *data;
	struct option_list dirs;
	int threads; /* 0: as OpenMP has it */
	bool json, wide;
};

#define AT(f) FIELD(struct args, f)

static const struct row options[] = {
	{NULL, "BUNDLE", AT(dirs), "bundle", .needed = true},
	{"data", "DIR", AT(data), "folder with training and test images", .needed = true},
	{"threads", "N", AT(threads), "threads", 1, 1024, .otherwise = "all cores"},
	{"json", NULL, AT(json), "print one JSON object"},
	{"wide", NULL, AT(wide), "print all columns, however wide the terminal is"},
	{0},
};

static int check(void *args)
{
	const struct args *a = args;

	if (a->dirs.n > EVAL_BUNDLES_MAX)
		return mea_fail(MEA_EINVAL, "at most %d bundles: '%s' is too much",
				EVAL_BUNDLES_MAX, a->dirs.items[EVAL_BUNDLES_MAX]);
	return 0;
}

/* --- networks -------------------------------------------------------------------- */

struct nets {
	struct mea_tmodel m[MEA_NETS];
};

static int load_nets(const struct mea_bundle *b, struct nets *n)
{
	if (b->bgr)
		return mea_fail(MEA_EUNSUPPORTED, "%s: input.order is bgr; eval takes rgb only",
				b->dir);
	for (int i = 0; i < MEA_NETS; i++) {
		char *path;
		int rc;

		if (i != MEA_NET_MAIN && !b->files[i][MEA_FLOAT].name)
			continue;
		rc = mea_bundle_path(b, (enum mea_net)i, MEA_FLOAT, &path);
		if (!rc)
			rc = mea_tmodel_read(path, b->mean, b->std, &n->m[i]);
		free(path);
		if (rc)
			return rc;
	}
	return 0;
}

static struct mea_tmodel *model(struct nets *n, enum mea_net net)
{
	return n->m[net].graph ? &n->m[net] : NULL;
}

/* --- one split ------------------------------------------------------------------------ */

static int check_classes(const struct mea_set *s, const struct mea_bundle *b)
{
	if (s->classes != b->n_classes)
		return mea_fail(MEA_EINVAL, "%s: has %d classes, the data %d", b->dir, b->n_classes,
				s->classes);
	for (int i = 0; i < s->classes; i++)
		if (strcmp(s->names[i], b->classes[i]))
			return mea_fail(MEA_EINVAL, "%s: class %d is '%s', in the data '%s'",
					b->dir, i, b->classes[i], s->names[i]);
	return 0;
}

static int count(const struct mea_bundle *b, struct nets *n, const struct mea_pick *p, bool cloud,
		 struct mea_tables *t)
{
	size_t c = (size_t)b->n_classes, h = (size_t)b->n_hard;
	float *main = malloc((p->n * c + 1) * sizeof(*main));
	float *extension = malloc((p->n * h + 1) * sizeof(*extension));
	float *whole = malloc((p->n * c + 1) * sizeof(*whole));
	int rc = main && extension && whole ? 0 : mea_nomem();

	cloud = cloud && model(n, MEA_NET_CLOUD);
	if (!rc)
		rc = mea_predict(model(n, MEA_NET_MAIN), model(n, MEA_NET_EXTENSION), p, NULL, main,
				 extension);
	if (!rc && cloud)
		rc = mea_predict(NULL, model(n, MEA_NET_CLOUD), p, NULL, NULL, whole);
	for (size_t i = 0; i < p->n && !rc; i++)
		mea_tables_add(t, b, main + i * c, h ? extension + i * h : NULL,
			       cloud ? whole + i * c : NULL, p->set->label[p->index[i]]);
	free(main);
	free(extension);
	free(whole);
	return rc;
}

/* The images that main was trained on; all of the split when that is not known. */
static int training_images(const struct mea_bundle *b, const struct mea_set *s, struct mea_pick *p)
{
	struct mea_pick held;
	uint64_t seed;
	int rc;

	if (images_not_split(b, s->n, &seed))
		return mea_set_all(s, p);
	rc = mea_set_split(s, seed, p, &held);
	if (!rc)
		free(held.index);
	return rc;
}

/* The paper's data sets, by their classes. */
static const char *known_data(const struct mea_set *s)
{
	if (s->classes == 100 && !strcmp(s->names[0], "apple"))
		return "CIFAR-100";
	if (s->classes == 1000 && !strcmp(s->names[0], "n01440764"))
		return "ImageNet";
	return "";
}

static int eval_split(struct eval *e, struct nets *n, const char *data, bool train)
{
	struct mea_pick p = {0};
	struct mea_data_want want = {.train = train};
	struct mea_set *s = NULL;
	int rc = images_want(e->b, &want);

	if (!rc)
		rc = mea_set_load(data, &want, &s);
	if (!rc)
		rc = check_classes(s, e->b);
	if (!rc)
		rc = train ? training_images(e->b, s, &p) : mea_set_all(s, &p);
	if (!rc)
		rc = count(e->b, n, &p, !train, train ? &e->train : &e->test);
	if (!rc)
		e->data = known_data(s);
	free(p.index);
	mea_set_free(s);
	return rc;
}

static int eval_bundle(const char *dir, const char *data, struct eval *e)
{
	struct nets n = {0};
	int rc = mea_bundle_load(dir, &e->b);

	if (!rc)
		rc = load_nets(e->b, &n);
	e->has_cloud = model(&n, MEA_NET_CLOUD);
	if (!rc)
		rc = eval_split(e, &n, data, true);
	if (!rc)
		rc = eval_split(e, &n, data, false);
	for (int i = 0; i < MEA_NETS; i++)
		mea_tmodel_free(&n.m[i]);
	return rc;
}

static int eval(int argc, char **argv)
{
	struct eval e[EVAL_BUNDLES_MAX] = {0};
	struct args a = {0};
	int rc = 0;

	option_parse(&tool_eval, argc, argv, &a);
	if (a.threads)
		omp_set_num_threads(a.threads);
	for (int i = 0; i < a.dirs.n && !rc; i++)
		rc = eval_bundle(a.dirs.items[i], a.data, &e[i]);
	if (!rc && a.json)
		rc = eval_json(e, a.dirs.n);
	else if (!rc)
		rc = eval_print(e, a.dirs.n, a.wide);
	for (int i = 0; i < a.dirs.n; i++)
		mea_bundle_free(e[i].b);
	free(a.dirs.items);
	return rc ? tool_fail() : TOOL_OK;
}

const struct tool tool_eval = {
	.name = "eval",
	.summary = "the paper's tables for bundles",
	.text = "Measures a bundle's float networks and prints tables II to V and figure 5 of "
		"the MEANet paper, with the paper's figures beside where it has them, and the "
		"controls that it lacks. 'Train' is what main was trained on, 'test' the test "
		"split. More bundles (other choices of hard classes, other extensions) become "
		"more rows.",
	.options = options,
	.check = check,
	.main = eval,
};

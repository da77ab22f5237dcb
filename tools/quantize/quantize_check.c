// SPDX-License-Identifier: Apache-2.0
/* mea quantize --check: float and int8 side by side on test images. */
#include "command.h"

#include "base/error.h"
#include "meanet/prepared.h"
#include "quantize/figures.h"
#include "quantize/float_model.h"

#include <stdlib.h>

struct pair {
	struct mea_opinion main, extension;
};

struct check {
	struct mea_model *int8;
	struct mea_float_model *fp;
	struct mea_prepared *prepared;
	struct mea_figures figures[MEA_VARIANTS];
	size_t same_main, same_extension, images;
};

static int ask_float(struct check *c, const uint8_t *rgb, struct pair *p)
{
	const struct mea_bundle *b = c->int8->bundle;
	const float *logits;
	int rc = mea_float_main(c->fp, rgb, &logits, NULL);

	if (rc)
		return rc;
	p->main = mea_opinion_of(logits, b->n_classes);
	if (!b->n_hard)
		return 0;
	rc = mea_float_extension(c->fp, &logits);
	if (!rc)
		p->extension = mea_opinion_of(logits, b->n_hard);
	return rc;
}

static int ask_int8_net(struct check *c, enum mea_net net, int n, struct mea_opinion *o)
{
	struct mea_run_stats stats;
	const float *logits;
	int rc = mea_prepared_start(c->prepared, 0, net);

	if (!rc)
		rc = mea_prepared_wait(c->prepared, 0, -1, &stats);
	if (!rc)
		rc = mea_prepared_logits(c->prepared, 0, net, &logits);
	if (!rc)
		*o = mea_opinion_of(logits, n);
	return rc;
}

static int ask_int8(struct check *c, const uint8_t *rgb, struct pair *p)
{
	const struct mea_bundle *b = c->int8->bundle;
	int rc = mea_prepared_load(c->prepared, 0, rgb);

	if (!rc)
		rc = ask_int8_net(c, MEA_NET_MAIN, b->n_classes, &p->main);
	if (!rc && b->n_hard)
		rc = ask_int8_net(c, MEA_NET_EXTENSION, b->n_hard, &p->extension);
	return rc;
}

static int compare(struct check *c, struct mea_data *data, size_t i, uint8_t *rgb)
{
	const struct mea_bundle *b = c->int8->bundle;
	struct pair p[MEA_VARIANTS];
	int label, rc = mea_data_get(data, i, rgb, &label);

	if (!rc)
		rc = ask_float(c, rgb, &p[MEA_FLOAT]);
	if (!rc)
		rc = ask_int8(c, rgb, &p[MEA_INT8]);
	if (rc)
		return rc;
	c->images++;
	c->same_main += p[0].main.label == p[1].main.label;
	c->same_extension += p[0].extension.label == p[1].extension.label;
	if (label >= b->n_classes)
		return mea_fail(MEA_EINVAL, "image %zu: class %d, but the bundle has %d", i, label,
				b->n_classes);
	for (int v = 0; v < MEA_VARIANTS && label >= 0; v++)
		mea_figures_add(&c->figures[v], b, &p[v].main, b->n_hard ? &p[v].extension : NULL,
				label);
	return 0;
}

static void print_figure(const char *name, const struct check *c, size_t offset, size_t whole)
{
	double v[MEA_VARIANTS];

	for (int i = 0; i < MEA_VARIANTS; i++)
		v[i] = 100.0 * (double)*(const size_t *)((const char *)&c->figures[i] + offset) /
		       (double)whole;
	if (whole)
		printf("  %-28s %8.2f %% %8.2f %% %+8.2f\n", name, v[MEA_FLOAT], v[MEA_INT8],
		       v[MEA_INT8] - v[MEA_FLOAT]);
}

#define FIGURE(name, field, whole) print_figure(name, c, offsetof(struct mea_figures, field), whole)

static void print_table(const struct check *c)
{
	const struct mea_figures *f = &c->figures[MEA_FLOAT];
	bool extension = c->int8->bundle->n_hard > 0;

	printf("%zu test images: main's class is the same in float and int8 for %.2f %%", c->images,
	       100.0 * (double)c->same_main / (double)c->images);
	if (extension)
		printf(", the extension's for %.2f %%",
		       100.0 * (double)c->same_extension / (double)c->images);
	printf("\n");
	if (!f->images)
		return;
	printf("  %-28s %10s %10s %8s\n", "accuracy", "float", "int8", "points");
	FIGURE("main, all images", main_right, f->images);
	if (!extension)
		return;
	FIGURE("main + extension, all images", cascade_right, f->images);
	FIGURE("main, hard images", main_right_on_hard, f->hard_images);
	FIGURE("extension, hard images", extension_right_on_hard, f->hard_images);
	FIGURE("share that leaves at main", at_main, f->images);
}

static int save(struct check *c, const char *data)
{
	struct mea_bundle_edit *e;
	json_t *all;
	int rc;

	if (!c->figures[0].images)
		return 0;
	rc = mea_bundle_edit_begin(c->int8->bundle->dir, &e);
	if (rc)
		return rc;
	rc = mea_bundle_edit_same(e, c->int8->bundle);
	all = json_object_get(e->doc, "accuracy");
	if (!all) {
		all = json_object();
		json_object_set_new(e->doc, "accuracy", all);
	}
	for (int v = 0; v < MEA_VARIANTS; v++)
		json_object_set_new(all, mea_variant_name((enum mea_variant)v),
				    mea_figures_json(&c->figures[v], data));
	if (!rc)
		rc = mea_bundle_edit_commit(e);
	mea_bundle_edit_end(e);
	return rc;
}

static int open_check(struct quantize *q, struct check *c)
{
	static const struct mea_choice ref = {.ops = &mea_backend_ref};
	int rc = mea_model_load(q->out, &c->int8);

	if (!rc)
		rc = mea_float_load(c->int8->bundle, &c->fp);
	if (!rc)
		rc = mea_prepared_open(&ref, 1, c->int8, 1, &c->prepared);
	if (rc)
		return rc;
	mea_prepared_take(c->prepared);
	mea_data_close(q->images.data);
	q->images.data = NULL;
	q->images.limit = q->check;
	return images_open(&q->images, &(struct mea_data_want){0}, c->int8->bundle);
}

int quantize_check(struct quantize *q)
{
	struct progress progress = {.what = "checking"};
	struct check c = {0};
	char name[256];
	uint8_t *rgb = NULL;
	int rc = open_check(q, &c);

	if (rc)
		goto out;
	rgb = malloc((size_t)c.int8->bundle->width * (size_t)c.int8->bundle->height * 3);
	if (!rgb)
		rc = mea_nomem();
	for (size_t i = 0; i < q->images.count && !rc; i++) {
		rc = compare(&c, q->images.data, i, rgb);
		progress_step(i + 1, q->images.count, &progress);
	}
	progress_end(&progress);
	if (rc)
		goto out;
	print_table(&c);
	images_name(&q->images, name, sizeof(name));
	rc = save(&c, name);
out:
	mea_prepared_close(c.prepared);
	mea_float_free(c.fp);
	mea_model_free(c.int8);
	free(rgb);
	return rc;
}

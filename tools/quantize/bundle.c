// SPDX-License-Identifier: Apache-2.0
/* mea bundle: makes or amends a bundle's description around ONNX files. */
#include "mea/files.h"
#include "mea/tool.h"

#include "offload/oip.h"
#include "base/error.h"
#include "graph/lower.h"
#include "images/names.h"
#include "mea/bundle_edit.h"
#include "quantize/float_model.h"
#include "quantize/given.h"
#include "quantize/input.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct args {
	const char *dir, *net[MEA_NETS], *classes, *hard;
	const char *name, *description, *licence, *made;
	struct input_options input;
	double mu_correct, mu_wrong, threshold; /* NaN: not given */
	struct given_options given;
	struct given nets[MEA_NETS]; /* those of net */
};

#define AT(f) FIELD(struct args, f)

static const struct row options[] = {
	{NULL, "DIR", AT(dir), "bundle", .needed = true},
	{"main", "FILE", AT(net[MEA_NET_MAIN]), "ONNX: image -> logits, features"},
	{"extension", "FILE", AT(net[MEA_NET_EXTENSION]),
	 "ONNX: image, features -> logits over the hard classes"},
	{"cloud", "FILE", AT(net[MEA_NET_CLOUD]),
	 "float ONNX: image as uint8, normalised inside -> logits"},
	{"classes", "FILE", AT(classes), "class names, one a line"},
	{"hard", "LIST", AT(hard),
	 "hard classes in the order of the extension's outputs, such as 2,3,7"},
	{.at = offsetof(struct args, given), .rows = given_options},
	{.at = offsetof(struct args, input), .rows = input_options},
	{"mu-correct", "H", AT(mu_correct), "mean entropy of main's right answers, in nats"},
	{"mu-wrong", "H", AT(mu_wrong), "mean entropy of main's wrong answers"},
	{"threshold", "H", AT(threshold), "entropy over which an image is complex",
	 .otherwise = "halfway between the two"},
	{"name", "TEXT", AT(name), "what the bundle is called; it must have a name"},
	{"description", "TEXT", AT(description), "one sentence"},
	{"licence", "TEXT", AT(licence), "of the weights"},
	{"made", "TEXT", AT(made), "how it was made"},
	{0},
};

static int check(void *args)
{
	const struct args *a = args;

	if (isnan(a->mu_correct) != isnan(a->mu_wrong))
		return mea_fail(MEA_EINVAL, "--mu-correct and --mu-wrong go together");
	return input_check(&a->input);
}

/* --- parts of the document ------------------------------------------------- */

static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static int set_classes(json_t *doc, const char *path)
{
	json_t *list = json_array();
	struct mea_names names;
	int rc = mea_names_read(path, &names);

	for (int i = 0; i < names.n && !rc; i++)
		if (json_array_append_new(list, json_string(names.name[i])))
			rc = mea_fail(MEA_EINVAL, "%s: name %d is not UTF-8", path, i);
	mea_names_free(&names);
	set(doc, "classes", list);
	return rc;
}

static int set_hard(json_t *doc, const char *text)
{
	json_t *list = json_array();
	char *end = (char *)text;

	set(doc, "hard_classes", list);
	while (*text) {
		long v = strtol(text, &end, 10);

		if (end == text || (*end && *end != ','))
			return mea_fail(MEA_EINVAL, "--hard: '%.40s' is not a list like 2,3,7",
					text);
		json_array_append_new(list, json_integer(v));
		text = *end ? end + 1 : end;
	}
	return 0;
}

/* An extension of pixels stands behind a main of pixels. */
static int check_pixels(const struct args *a, const json_t *in)
{
	const struct given *m = &a->nets[MEA_NET_EXTENSION];
	double std = json_number_value(json_array_get(json_object_get(in, "std"), 0));

	if (a->net[MEA_NET_EXTENSION] && m->ends.pixels && (float)std != 1.0f / 255)
		return mea_fail(MEA_EINVAL, "%s: takes pixels as they are, main does not",
				a->net[MEA_NET_EXTENSION]);
	return 0;
}

static int set_input(const struct args *a, json_t *doc)
{
	const char *path = a->net[MEA_NET_MAIN];
	int rc = input_enter(&a->input, path ? &a->nets[MEA_NET_MAIN] : NULL, path, doc);

	return rc ? rc : check_pixels(a, json_object_get(doc, "input"));
}

static void set_thresholds(const struct args *a, json_t *doc)
{
	json_t *t = json_object_get(doc, "thresholds");

	if (isnan(a->mu_correct) && isnan(a->threshold))
		return;
	if (!t) {
		t = json_object();
		set(doc, "thresholds", t);
	}
	if (!isnan(a->mu_correct)) {
		set(t, "mu_correct", json_real(a->mu_correct));
		set(t, "mu_wrong", json_real(a->mu_wrong));
		set(t, "entropy", json_real((a->mu_correct + a->mu_wrong) / 2));
	}
	if (!isnan(a->threshold))
		set(t, "entropy", json_real(a->threshold));
}

static int load_nets(struct args *a)
{
	int rc = 0;

	for (int net = 0; net < MEA_NETS && !rc; net++)
		if (a->net[net])
			rc = given_load(a->net[net], &a->given, net == MEA_NET_CLOUD,
					&a->nets[net]);
	return rc;
}

/* Puts m, from path, into the bundle as variant v. */
static int set_file(struct mea_bundle_edit *e, enum mea_net net, enum mea_variant v,
		    const struct given *m, const char *from)
{
	const char *path;
	int rc = mea_bundle_edit_path(e, net, v, &path);

	if (!rc)
		rc = m->as_is ? file_copy(from, path) : mea_graph_write(m->g, path);
	return rc ? rc : mea_bundle_edit_enter(e, net, v);
}

/* Puts the networks beside the old ones and enters them. A quantised one is also what `mea run`
 * takes, so it must have an integer form. */
static int set_files(const struct args *a, struct mea_bundle_edit *e)
{
	int rc = 0;

	for (int net = 0; net < MEA_NETS && !rc; net++) {
		const struct given *m = &a->nets[net];
		struct mea_qnet *integers = NULL;

		if (!a->net[net])
			continue;
		rc = set_file(e, (enum mea_net)net, MEA_FLOAT, m, a->net[net]);
		if (rc || !m->quantised)
			continue;
		rc = mea_qnet_from_graph(m->g, &integers);
		if (!rc)
			rc = set_file(e, (enum mea_net)net, MEA_INT8, m, a->net[net]);
		mea_qnet_free(integers);
	}
	return rc;
}

static int fill(struct args *a, struct mea_bundle_edit *e)
{
	json_t *doc = e->doc;
	const struct {
		const char *key, *value;
	} texts[] = {{"name", a->name},
		     {"description", a->description},
		     {"licence", a->licence},
		     {"made", a->made}};
	int rc = 0;

	set(doc, "format", json_string("mea-bundle"));
	set(doc, "version", json_integer(1));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].value)
			set(doc, texts[i].key, json_string(texts[i].value));
	if (a->classes)
		rc = set_classes(doc, a->classes);
	if (!rc)
		rc = load_nets(a);
	if (!rc)
		rc = set_input(a, doc);
	if (!rc && a->hard)
		rc = set_hard(doc, a->hard);
	if (!rc)
		set_thresholds(a, doc);
	return rc ? rc : set_files(a, e);
}

/* The cloud model must be what a client of this bundle will look for. */
static int check_cloud(const struct mea_bundle *b)
{
	struct mea_oip_item image = {MEA_U8, b->height, b->width, 3};
	struct mea_oip_target t;
	struct mea_signature io;
	struct mea_graph *g;
	json_t *metadata;
	char *path;
	int rc = mea_bundle_path(b, MEA_NET_CLOUD, MEA_FLOAT, &path);

	if (rc)
		return rc == MEA_ENOENT ? 0 : rc;
	rc = mea_graph_load(path, NULL, &g);
	if (!rc) {
		rc = mea_graph_simplify(g);
		if (!rc)
			rc = mea_signature_of(g, &io);
		if (!rc) {
			metadata = mea_oip_metadata(b->name, "onnx_onnxv1", &io, NULL);
			rc = mea_oip_target_parse(metadata, &image, b->n_classes, true, &t);
			json_decref(metadata);
		}
		if (rc)
			mea_fail_in(rc, "%s", path);
		mea_graph_free(g);
	}
	free(path);
	return rc;
}

static int bundle(int argc, char **argv)
{
	struct mea_float_model *m = NULL;
	struct mea_bundle *b = NULL;
	struct mea_bundle_edit *e = NULL;
	struct args a = {
		.input = INPUT_OPTIONS_INIT, .mu_correct = NAN, .mu_wrong = NAN, .threshold = NAN};
	int rc;

	option_parse(&tool_bundle, argc, argv, &a);
	rc = folder_make(a.dir);
	if (!rc)
		rc = mea_bundle_edit_begin(a.dir, &e);
	if (!rc)
		rc = fill(&a, e);
	if (!rc)
		rc = mea_bundle_edit_check(e, &b);
	/* The networks must fit the description before they take their places. */
	if (!rc)
		rc = mea_float_load(b, &m);
	if (!rc)
		rc = check_cloud(b);
	if (!rc)
		rc = mea_bundle_edit_commit(e);
	if (!rc)
		printf("%s: %s, %d classes, %d of them hard, images of %d x %d\n", a.dir, b->name,
		       b->n_classes, b->n_hard, b->width, b->height);
	for (int net = 0; net < MEA_NETS; net++) {
		if (!rc && a.net[net])
			given_tell(&a.nets[net], a.net[net]);
		given_free(&a.nets[net]);
	}
	mea_float_free(m);
	mea_bundle_free(b);
	mea_bundle_edit_end(e);
	return rc ? tool_fail() : TOOL_OK;
}

const struct tool tool_bundle = {
	.name = "bundle",
	.summary = "make a model bundle around ONNX files",
	.text = "Makes a model bundle in folder DIR around ONNX files, or changes what the "
		"options name in the bundle that is there. Then `mea quantize DIR` makes its "
		"int8 networks of the float ones; a file that is quantised already, with "
		"QuantizeLinear or QLinear operations, is its own int8 network.",
	.options = options,
	.check = check,
	.main = bundle,
};

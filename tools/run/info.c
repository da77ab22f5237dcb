// SPDX-License-Identifier: Apache-2.0
/* mea info [BUNDLE|MODEL.onnx]: what is here, what a model is, where it runs. */
#include "mea/files.h"
#include "mea/table.h"
#include "info.h"
#include "mea/session_args.h"

#include "base/error.h"
#include "graph/lower.h"
#include "images/resize.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Hard classes that are named. */
#define HARD_SHOWN 60

struct args {
	const char *what;
	struct mea_options open; /* backends and device */
	bool json, wide, operations;
};

static const struct row options[] = {
	{NULL, "BUNDLE|MODEL.onnx", FIELD(struct args, what), "model"},
	{.at = offsetof(struct args, open), .rows = place_options},
	{"json", NULL, FIELD(struct args, json), "print one JSON object"},
	{"operations", NULL, FIELD(struct args, operations),
	 "print which operations, attributes and limits each backend has, as Markdown"},
	{"wide", NULL, FIELD(struct args, wide), "print all columns, however wide the terminal is"},
	{0},
};

/* --- a bundle ------------------------------------------------------------------ */

static json_t *files_json(const struct mea_bundle *b)
{
	json_t *list = json_array();

	for (int net = 0; net < MEA_NETS; net++) {
		for (int v = 0; v < MEA_VARIANTS; v++) {
			char *path;
			int rc;

			if (!b->files[net][v].name)
				continue;
			rc = mea_bundle_path(b, (enum mea_net)net, (enum mea_variant)v, &path);
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:s, s:b, s:o}", "net",
						mea_net_name((enum mea_net)net), "type",
						mea_variant_name((enum mea_variant)v), "file",
						b->files[net][v].name, "intact", rc == 0, "problem",
						rc ? tool_text(mea_errmsg()) : json_null()));
			free(path);
		}
	}
	return list;
}

/* Entries of bundle.json that say something to a reader. */
static void copy_texts(json_t *to, const struct mea_bundle *b)
{
	static const char *const keys[] = {"name",	   "description", "licence",
					   "made",	   "input",	  "classes",
					   "hard_classes", "thresholds",  "accuracy"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(b->json, keys[i]))
			json_object_set(to, keys[i], json_object_get(b->json, keys[i]));
}

/* The int8 networks where they are there, else the float ones. */
static int add_nets(struct backends *bs, const char *dir, const struct mea_bundle *b, json_t *out)
{
	struct mea_graph *g = NULL;
	struct mea_model *m = NULL;
	struct answering who;
	int rc = 0;

	if (b->files[MEA_NET_MAIN][MEA_INT8].name) {
		rc = mea_model_load(dir, &m);
		if (rc)
			return rc;
		rc = answering_find(bs, m, &who);
		json_object_set_new(out, "main", info_qnet(bs, m->main, MEA_NET_MAIN, &who));
		if (m->extension)
			json_object_set_new(out, "extension",
					    info_qnet(bs, m->extension, MEA_NET_EXTENSION, &who));
		answering_free(&who);
		mea_model_free(m);
		return rc;
	}
	for (int i = 0; i < MEA_NETS && !rc; i++) {
		char *path = NULL;

		if (!b->files[i][MEA_FLOAT].name)
			continue;
		rc = mea_bundle_path(b, (enum mea_net)i, MEA_FLOAT, &path);
		if (!rc)
			rc = mea_graph_load(path, NULL, &g);
		if (!rc)
			json_object_set_new(out, mea_net_name((enum mea_net)i), info_graph(g));
		mea_graph_free(g);
		g = NULL;
		free(path);
	}
	return rc;
}

static void print_figures(json_t *accuracy, int width)
{
	const char *variant, *key;
	json_t *figures, *v;

	json_object_foreach(accuracy, variant, figures)
	{
		char text[512] = "";
		size_t n = 0;

		json_object_foreach(figures, key, v)
		{
			const char *sep = n ? ", " : " ";

			if (n >= sizeof(text))
				break;
			if (json_is_real(v))
				n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %.2f %%",
						      sep, key, json_real_value(v));
			else if (json_is_integer(v))
				n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%lld %s", sep,
						      (long long)json_integer_value(v), key);
			else if (json_is_string(v))
				n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s", sep,
						      key, json_string_value(v));
		}
		text_print(width, 4, "  %s accuracy:%s", variant, text);
	}
}

static void print_images(const struct mea_bundle *b, int width)
{
	const char *order = b->bgr ? "BGR" : "RGB";
	char hard[1024] = "";
	size_t n = 0;

	for (int k = 0; k < b->n_hard && k < HARD_SHOWN && n < sizeof(hard); k++)
		n += (size_t)snprintf(hard + n, sizeof(hard) - n, " %s", b->classes[b->hard[k]]);
	if (b->n_hard > HARD_SHOWN && n < sizeof(hard))
		snprintf(hard + n, sizeof(hard) - n, " and %d more", b->n_hard - HARD_SHOWN);
	if (b->n_hard)
		text_print(width, 4, "  images: %d x %d %s; %d classes, %d of them hard:%s",
			   b->width, b->height, order, b->n_classes, b->n_hard, hard);
	else
		text_print(width, 4, "  images: %d x %d %s; %d classes", b->width, b->height, order,
			   b->n_classes);
}

static int print_resize(const struct mea_bundle *b, int width)
{
	struct mea_resize how;
	char side[48] = "";
	int rc = mea_resize_parse(json_object_get(b->json, "input"), &how);

	if (rc)
		return mea_fail_in(rc, "%s/bundle.json", b->dir);
	if (how.side)
		snprintf(side, sizeof(side), "shorter side to %d, ", how.side);
	text_print(width, 4, "  resized: %s, %s%s", mea_resize_mode_name(how.mode), side,
		   mea_filter_name(how.filter));
	return 0;
}

static int print_bundle(const struct mea_bundle *b, json_t *o, int width)
{
	static const char *const keys[] = {"description", "licence", "made"};
	json_t *file;
	size_t i;
	int rc = 0;

	printf("%s\n", b->name);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_is_string(json_object_get(o, keys[i])))
			text_print(width, 4, "  %s: %s", keys[i],
				   json_string_value(json_object_get(o, keys[i])));
	print_images(b, width);
	rc = print_resize(b, width);
	if (rc)
		return rc;
	if (json_object_get(o, "thresholds"))
		text_print(width, 4,
			   "  complex: entropy over %g nats (main's mean: %g right, %g wrong)",
			   b->threshold, b->mu_correct, b->mu_wrong);
	print_figures(json_object_get(o, "accuracy"), width);
	json_array_foreach(json_object_get(o, "files"), i, file)
	{
		const char *problem = json_string_value(json_object_get(file, "problem"));

		text_print(width, 4, "  %s, %s: %s%s%s",
			   json_string_value(json_object_get(file, "net")),
			   json_string_value(json_object_get(file, "type")),
			   json_string_value(json_object_get(file, "file")), problem ? ": " : "",
			   problem ? problem : "");
	}
	for (i = 0; i < MEA_NETS && !rc; i++)
		if (json_object_get(o, mea_net_name((enum mea_net)i)))
			rc = info_print_net(mea_net_name((enum mea_net)i),
					    json_object_get(o, mea_net_name((enum mea_net)i)),
					    width);
	return rc;
}

static int about_bundle(const struct args *a, struct backends *bs, json_t *o)
{
	struct mea_bundle *b;
	int rc = mea_bundle_load(a->what, &b);

	if (rc)
		return rc;
	copy_texts(o, b);
	json_object_set_new(o, "files", files_json(b));
	rc = add_nets(bs, a->what, b, o);
	if (!rc && !a->json)
		rc = print_bundle(b, o, table_width(a->wide));
	mea_bundle_free(b);
	return rc;
}

/* --- one model ------------------------------------------------------------------- */

static bool is_quantised(const struct mea_graph *g)
{
	for (int i = 0; i < g->n_nodes; i++)
		if (g->nodes[i].op == MEA_OP_QuantizeLinear)
			return true;
	return false;
}

static int about_model(const struct args *a, struct backends *bs, json_t *o)
{
	struct mea_graph *g = NULL;
	struct mea_qnet *net = NULL;
	struct answering who;
	json_t *model = NULL;
	int rc = mea_graph_load(a->what, NULL, &g);

	if (!rc && is_quantised(g)) {
		rc = mea_qnet_from_graph(g, &net);
		if (!rc) {
			rc = answering_find(bs, &(struct mea_model){.main = net}, &who);
			model = info_qnet(bs, net, MEA_NET_MAIN, &who);
			answering_free(&who);
		}
	} else if (!rc) {
		model = info_graph(g);
	}
	if (model) {
		json_object_set_new(o, "type", json_string(net ? "int8" : "float"));
		json_object_set_new(o, "model", model);
		if (!a->json)
			rc = info_print_net(net ? "int8 model" : "float model", model,
					    table_width(a->wide));
	}
	mea_qnet_free(net);
	mea_graph_free(g);
	return rc;
}

/* --- all ------------------------------------------------------------------------- */

static void print_here(json_t *backends, int width)
{
	json_t *b;
	size_t i;

	printf("mea " MEA_VERSION "\nbackends, in order of preference:\n");
	json_array_foreach(backends, i, b)
	{
		const char *text = json_string_value(json_object_get(b, "text"));

		if (json_is_true(json_object_get(b, "available")))
			text_print(width, 4, "  %s", text);
		else
			text_print(width, 4, "  %s: not available: %s",
				   json_string_value(json_object_get(b, "name")), text);
	}
}

static int inform(const struct args *a, struct backends *bs)
{
	json_t *o = json_pack("{s:s, s:o}", "version", MEA_VERSION, "backends", info_backends(bs));
	char *what = NULL;
	struct stat st;
	int rc = a->what ? mea_bundle_find(a->what, &what) : 0;

	if (!a->what && !a->json)
		print_here(json_object_get(o, "backends"), table_width(a->wide));
	if (what && stat(what, &st))
		rc = mea_fail(MEA_ENOENT, "%s: %s", a->what, strerror(errno));
	else if (what)
		rc = S_ISDIR(st.st_mode) ? about_bundle(a, bs, o) : about_model(a, bs, o);
	free(what);
	if (!rc && a->json)
		return tool_print_json(o);
	json_decref(o);
	return rc;
}

static int info(int argc, char **argv)
{
	struct backends bs = {.n = 0};
	struct args a = {0};
	int rc;

	option_parse(&tool_info, argc, argv, &a);
	rc = backends_open(&bs, a.open.backends, a.open.device);
	if (!rc && a.operations)
		info_operations(&bs);
	else if (!rc)
		rc = inform(&a, &bs);
	backends_close(&bs);
	return rc ? tool_fail() : TOOL_OK;
}

const struct tool tool_info = {
	.name = "info",
	.summary = "backends here; layers, shapes, MACs of a model",
	.text = "Tells which backends and devices are here; of a model, its layers with shapes, "
		"multiply-accumulates, bytes of weights, and the backend that will run them.",
	.options = options,
	.main = info,
};

// SPDX-License-Identifier: Apache-2.0
/*
 * What the shell tests cannot do by themselves:
 *
 *   helper json FILE [PATH]          checks that FILE is one JSON value; prints the
 *                                    one at PATH, such as exits.0.name
 *   helper notify SOCKET             prints what is sent to a datagram socket, line by line
 *   helper cut BUNDLE FILE           writes main's exit alone, from its int8 features on
 *   helper energy FILE WATTS RANGE   until it is killed, keeps a RAPL counter of so many watts
 *                                    in FILE, which wraps after RANGE microjoules
 *   helper png|jpeg|ppm FILE INDEX SCALE writes glyphs test image INDEX, enlarged
 *   helper pixels FILE W H JSON      writes a picture's W x H x RGB bytes, resized as JSON says, a
 *                                    bundle's "input"
 */
#include "images/glyphs.h"
#include "graph/graph.h"
#include "images/image.h"
#include "images/resize.h"
#include "mea.h"
#include "meanet/model.h"

#include <jansson.h>
#include <png.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <jpeglib.h>

static int print_value(const json_t *v)
{
	if (json_is_string(v))
		return puts(json_string_value(v)) < 0;
	if (json_is_integer(v))
		return printf("%lld\n", (long long)json_integer_value(v)) < 0;
	if (json_is_real(v))
		return printf("%.9g\n", json_real_value(v)) < 0;
	if (json_is_array(v) || json_is_object(v))
		return printf("%zu\n",
			      json_is_array(v) ? json_array_size(v) : json_object_size(v)) < 0;
	return puts(json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null") < 0;
}

static int json(const char *file, char *path)
{
	json_error_t err;
	json_t *doc = json_load_file(file, JSON_REJECT_DUPLICATES, &err);
	const json_t *v = doc;
	int rc = 0;

	if (!doc) {
		fprintf(stderr, "%s:%d: %s\n", file, err.line, err.text);
		return 1;
	}
	for (char *key = path ? strtok(path, ".") : NULL; key && v; key = strtok(NULL, "."))
		v = json_is_array(v) ? json_array_get(v, (size_t)atoi(key))
				     : json_object_get(v, key);
	if (!v) {
		fprintf(stderr, "%s: no such value\n", file);
		rc = 1;
	} else if (path) {
		rc = print_value(v);
	}
	json_decref(doc);
	return rc;
}

static uint8_t *enlarged(uint32_t index, int scale)
{
	uint8_t rgb[MEA_GLYPHS_BYTES];
	int side = MEA_GLYPHS_SIZE * scale;
	uint8_t *out = malloc((size_t)side * (size_t)side * 3);

	mea_glyph_draw(MEA_GLYPHS_SEED, MEA_GLYPHS_TEST, index, rgb);
	for (int y = 0; out && y < side; y++)
		for (int x = 0; x < side; x++)
			memcpy(out + (y * side + x) * 3,
			       rgb + (y / scale * MEA_GLYPHS_SIZE + x / scale) * 3, 3);
	return out;
}

static int write_png(const char *file, const uint8_t *rgb, int side)
{
	png_image png = {.version = PNG_IMAGE_VERSION,
			 .width = (png_uint_32)side,
			 .height = (png_uint_32)side,
			 .format = PNG_FORMAT_RGB};

	return !png_image_write_to_file(&png, file, 0, rgb, 0, NULL);
}

static int write_ppm(const char *file, const uint8_t *rgb, int side)
{
	FILE *f = fopen(file, "wb");
	size_t bytes = (size_t)side * (size_t)side * 3;
	bool bad;

	if (!f)
		return 1;
	fprintf(f, "P6 %d %d 255\n", side, side);
	bad = fwrite(rgb, 1, bytes, f) != bytes;
	return fclose(f) || bad;
}

static int write_jpeg(const char *file, uint8_t *rgb, int side)
{
	struct jpeg_compress_struct j;
	struct jpeg_error_mgr err;
	FILE *f = fopen(file, "wb");

	if (!f)
		return 1;
	j.err = jpeg_std_error(&err);
	jpeg_create_compress(&j);
	jpeg_stdio_dest(&j, f);
	j.image_width = j.image_height = (JDIMENSION)side;
	j.input_components = 3;
	j.in_color_space = JCS_RGB;
	jpeg_set_defaults(&j);
	jpeg_set_quality(&j, 95, TRUE);
	jpeg_start_compress(&j, TRUE);
	while (j.next_scanline < j.image_height) {
		JSAMPROW row = rgb + (size_t)j.next_scanline * (size_t)side * 3;

		jpeg_write_scanlines(&j, &row, 1);
	}
	jpeg_finish_compress(&j);
	jpeg_destroy_compress(&j);
	return fclose(f) != 0;
}

static int notify(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[512];
	ssize_t n;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		return 1;
	while ((n = recv(fd, text, sizeof(text), 0)) > 0) {
		printf("%.*s\n", (int)n, text);
		fflush(stdout);
	}
	return 0;
}

/* Lets g begin at its features: int8 rows of pixels, scaled as in the int8 network. */
static int begin_at_features(struct mea_graph *g, const struct mea_qtensor *t)
{
	struct mea_shape pixels = {4, {1, t->h, t->w, t->c}}, planes = {4, {1, t->c, t->h, t->w}};
	struct mea_shape scalar = {0, {0}};
	int8_t zero = (int8_t)t->zero_point;
	struct mea_attrs turn = mea_attrs_default(MEA_OP_Transpose);
	int old = g->outputs[MEA_OUT_FEATURES], in[3], real, cut;

	turn.n_axes = 4;
	memcpy(turn.axes, (int64_t[]){0, 3, 1, 2}, 4 * sizeof(int64_t));
	in[0] = mea_graph_add_input(g, "int8_features", MEA_I8, &pixels);
	in[1] = mea_graph_add_const(g, "scale", MEA_F32, &scalar, &t->scale);
	in[2] = mea_graph_add_const(g, "zero", MEA_I8, &scalar, &zero);
	real = mea_graph_add_value(g, "real_features", MEA_F32, &pixels);
	cut = mea_graph_add_value(g, "cut_features", MEA_F32, &planes);
	if (in[0] < 0 || in[1] < 0 || in[2] < 0 || real < 0 || cut < 0)
		return 1;
	mea_graph_replace(g, old, cut);
	mea_graph_add_node(g, MEA_OP_DequantizeLinear, NULL, in, 3, real, NULL);
	mea_graph_add_node(g, MEA_OP_Transpose, NULL, &real, 1, cut, &turn);
	/* The logits alone; once nothing needs the image any more, without it. */
	g->n_outputs = 1;
	g->inputs[1] = g->inputs[0];
	g->inputs[0] = in[0];
	if (mea_graph_prune(g))
		return 1;
	g->n_inputs = 1;
	return mea_graph_prune(g);
}

static int cut(const char *bundle, const char *file)
{
	struct mea_model *m;
	struct mea_graph *g = NULL;
	char *path = NULL;
	int rc = mea_model_load(bundle, &m);

	if (!rc)
		rc = mea_bundle_path(m->bundle, MEA_NET_MAIN, MEA_FLOAT, &path);
	if (!rc)
		rc = mea_graph_load(path, NULL, &g);
	if (!rc)
		rc = begin_at_features(g, &m->main->tensors[m->main->outputs[MEA_OUT_FEATURES]]);
	if (!rc)
		rc = mea_graph_write(g, file);
	if (rc)
		fprintf(stderr, "helper: %s\n", mea_errmsg());
	free(path);
	mea_graph_free(g);
	mea_model_free(m);
	return rc != 0;
}

/* Relu node becomes the operation op, or x * op(x). */
static int replace_relu(struct mea_graph *g, int node, enum mea_op op, bool gate)
{
	char name[64];
	int *in, x = g->nodes[node].in[0], f;

	if (!gate) {
		g->nodes[node].op = op;
		g->nodes[node].a = mea_attrs_default(op);
		return 0;
	}
	snprintf(name, sizeof(name), "gate_%d", node);
	f = mea_graph_append(g, op, name, &x, 1, NULL);
	in = realloc(g->nodes[node].in, 2 * sizeof(*in));
	if (f < 0 || !in)
		return 1;
	in[1] = f;
	g->nodes[node].in = in;
	g->nodes[node].n_in = 2;
	g->nodes[node].op = MEA_OP_Mul;
	return 0;
}

/* Writes the model to the same file with each Relu as another activation, and prints how many they
 * are. "x*NAME": x * NAME(x). */
static int activate(const char *file, const char *name)
{
	bool gate = !strncmp(name, "x*", 2);
	enum mea_op op = mea_op_find(name + 2 * gate);
	struct mea_graph *g = NULL;
	int rc = op == MEA_OP_COUNT ? 1 : mea_graph_load(file, NULL, &g), count = 0;

	for (int i = 0, n = rc ? 0 : g->n_nodes; !rc && i < n; i++)
		if (g->nodes[i].op == MEA_OP_Relu) {
			rc = replace_relu(g, i, op, gate);
			count++;
		}
	if (!rc)
		rc = mea_graph_sort(g);
	if (!rc)
		rc = mea_graph_write(g, file);
	if (rc)
		fprintf(stderr, "helper: %s\n", mea_errmsg());
	else
		printf("%d\n", count);
	mea_graph_free(g);
	return rc != 0;
}

static int count_energy(const char *file, double watts, double range)
{
	int fd = open(file, O_WRONLY | O_CREAT, 0644);
	struct timespec t, pause = {0, 2000000};
	char text[32];
	int n;

	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		n = snprintf(text, sizeof(text), "%018.0f\n",
			     fmod(((double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3) * watts,
				  range));
		/* One write of one length: a reader never sees half of it. */
		if (pwrite(fd, text, (size_t)n, 0) != n)
			return 1;
		nanosleep(&pause, NULL);
	}
}

static int pixels(const char *file, int w, int h, const char *text)
{
	json_t *input = json_loads(text, 0, NULL);
	uint8_t *rgb = malloc((size_t)w * (size_t)h * 3);
	struct mea_image img = {0};
	struct mea_resize how;
	int rc = rgb && input ? mea_resize_parse(input, &how) : 1;

	if (!rc)
		rc = mea_image_load(file, &img);
	if (!rc)
		rc = mea_image_resize(&img, &how, w, h, rgb);
	if (rc)
		fprintf(stderr, "helper: %s\n", mea_errmsg());
	else
		rc = fwrite(rgb, 3, (size_t)w * (size_t)h, stdout) != (size_t)w * (size_t)h;
	mea_image_free(&img);
	free(rgb);
	json_decref(input);
	return rc != 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "json"))
		return json(argv[2], argc > 3 ? argv[3] : NULL);
	if (argc == 3 && !strcmp(argv[1], "notify"))
		return notify(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "energy"))
		return count_energy(argv[2], atof(argv[3]), atof(argv[4]));
	if (argc == 4 && !strcmp(argv[1], "cut"))
		return cut(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "activate"))
		return activate(argv[2], argv[3]);
	if (argc == 6 && !strcmp(argv[1], "pixels"))
		return pixels(argv[2], atoi(argv[3]), atoi(argv[4]), argv[5]);
	if (argc == 5 &&
	    (!strcmp(argv[1], "png") || !strcmp(argv[1], "jpeg") || !strcmp(argv[1], "ppm"))) {
		int scale = atoi(argv[4]), rc = 1;
		uint8_t *rgb = enlarged((uint32_t)atoi(argv[3]), scale);

		if (rgb)
			rc = argv[1][0] == 'j'	 ? write_jpeg(argv[2], rgb, 32 * scale)
			     : argv[1][1] == 'p' ? write_ppm(argv[2], rgb, 32 * scale)
						 : write_png(argv[2], rgb, 32 * scale);
		free(rgb);
		return rc;
	}
	fputs("usage: helper json FILE [PATH] | notify SOCKET | cut BUNDLE FILE | activate FILE OP "
	      "| energy FILE "
	      "WATTS RANGE | png|jpeg|ppm FILE "
	      "INDEX SCALE | pixels FILE W H JSON\n",
	      stderr);
	return 2;
}

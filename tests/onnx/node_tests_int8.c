// SPDX-License-Identifier: Apache-2.0
/*
 * The ONNX project's float node tests once more, in integers: each is quantised
 * with its own input as the example, lowered to a net and run by the integer
 * reference, and must come within 2 % of the range of the expected output. What
 * has no integer form is skipped with the reason that the library gives.
 */
#include <dirent.h>
#include <math.h>

#include "backend/ref/ref.h"
#include "graph/lower.h"
#include "graph/op.h"
#include "quantize/quantize.h"
#include "node_data.h"

#define TOLERANCE 0.02
#define LEAST	  55 /* tests that must pass, or skips have crept in */

static const char *const wanted[] = {
	"test_conv_with_",    "test_basic_conv_w", "test_averagepool_2d", "test_maxpool_2d",
	"test_globalaverage", "test_globalmax",	   "test_gemm_",	  "test_relu",
	"test_clip",	      "test_batchnorm_",   "test_reduce_mean_",	  "test_concat_",
	"test_add",	      "test_flatten_",	   "test_sigmoid",	  "test_hardsigmoid",
	"test_hardswish",     "test_tanh",	   "test_leakyrelu",	  "test_elu",
	"test_softplus",      "test_gelu",	   "test_mish",		  "test_mul",
};

static int is_wanted(const struct dirent *e)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strncmp(e->d_name, wanted[i], strlen(wanted[i])))
			return 1;
	return 0;
}

/*
 * One image of the batch at a time: the input's first dimension becomes 1 and its
 * old value is returned. Where only elements matter, 3 dimensions become 1xCxHxW.
 */
static int take_apart(struct mea_graph *g)
{
	const struct mea_op_row *row = mea_op_row(g->nodes[0].op);
	bool elementwise = row->quant == MEA_QUANT_SUM || row->quant == MEA_QUANT_CLAMP ||
			   row->quant == MEA_QUANT_GATE || row->lower == mea_lower_table;
	int batch = 1;

	for (int i = 0; i < g->n_inputs; i++) {
		struct mea_shape *s = &g->values[g->inputs[i]].shape;

		if (s->rank == 3 && elementwise)
			*s = (struct mea_shape){4, {1, s->dim[0], s->dim[1], s->dim[2]}};
		if (s->rank == 2 || s->rank == 4) {
			batch = (int)s->dim[0];
			s->dim[0] = 1;
		}
	}
	return batch;
}

/* The tests give weights as inputs; all but the first input become constants. */
static int bind_inputs(struct mea_graph *g, struct sample *s)
{
	const struct mea_node *n = &g->nodes[0];

	if (g->n_nodes != 1)
		return mea_fail(MEA_EUNSUPPORTED, "not one node");
	if (n->op != MEA_OP_Conv && n->op != MEA_OP_Gemm && n->op != MEA_OP_Clip &&
	    n->op != MEA_OP_BatchNormalization)
		return 0;
	for (int i = 1; i < g->n_inputs; i++) {
		g->values[g->inputs[i]].data = s->in[i].data;
		s->in[i].data = NULL;
	}
	g->n_inputs = 1;
	return 0;
}

struct example {
	const struct mea_graph *g;
	const struct sample *s;
	int left; /* images of the batch that are still to come */
};

/* Elements of image number i of input k. */
static const float *image(const struct mea_graph *g, const struct sample *s, int k, int i)
{
	return (const float *)s->in[k].data +
	       (size_t)i * mea_shape_count(&g->values[g->inputs[k]].shape);
}

static int next(void *ctx, float *const *in)
{
	struct example *e = ctx;

	if (!e->left--)
		return 0;
	for (int i = 0; i < e->g->n_inputs; i++)
		memcpy(in[i], image(e->g, e->s, i, e->left),
		       sizeof(float) * mea_shape_count(&e->g->values[e->g->inputs[i]].shape));
	return 1;
}

/* Runs a net of one layer or a few; inputs and output in NCHW floats. */
static int run_net(const struct mea_graph *g, const struct mea_qnet *net, const struct sample *s,
		   int item, float *y)
{
	int8_t **at = calloc((size_t)net->n_tensors, sizeof(*at));
	const struct mea_qtensor *t;
	int rc = 0;

	for (int i = 0; i < net->n_tensors; i++)
		at[i] = calloc((size_t)net->tensors[i].c * net->tensors[i].h * net->tensors[i].w,
			       1);
	for (int i = 0; i < net->n_inputs; i++) {
		t = &net->tensors[net->inputs[i]];
		for (int k = 0; k < t->c * t->h * t->w; k++)
			at[net->inputs[i]][k % (t->h * t->w) * t->c + k / (t->h * t->w)] =
				mea_quantize_f32(image(g, s, i, item)[k], t->scale, t->zero_point);
	}
	for (int i = 0; !rc && i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		rc = mea_ref_layer(net, l, at[l->in], l->in2 < 0 ? NULL : at[l->in2], at[l->out]);
	}
	t = &net->tensors[net->outputs[0]];
	for (int k = 0; k < t->c * t->h * t->w; k++)
		y[k] = t->scale *
		       (float)(at[net->outputs[0]][k % (t->h * t->w) * t->c + k / (t->h * t->w)] -
			       t->zero_point);
	for (int i = 0; i < net->n_tensors; i++)
		free(at[i]);
	free(at);
	return rc;
}

static int compare(const struct mea_tensor *want, const float *y)
{
	const float *w = want->data;
	float lo = 0, hi = 0, worst = 0;

	for (size_t i = 0; i < mea_shape_count(&want->shape); i++) {
		lo = fminf(lo, w[i]);
		hi = fmaxf(hi, w[i]);
		worst = fmaxf(worst, fabsf(w[i] - y[i]));
	}
	if (!(worst <= TOLERANCE * (hi - lo)))
		return mea_fail(MEA_EINVAL, "error %g in a range of %g", (double)worst,
				(double)(hi - lo));
	return 0;
}

/* 0: passed; MEA_EUNSUPPORTED: no integer form; else failed. */
static int run_test(const char *dir)
{
	struct mea_quantize_options opt = {.method = MEA_CALIB_MINMAX};
	struct mea_graph *g = NULL, *q = NULL;
	struct mea_qnet *net = NULL;
	struct sample s = {0};
	struct example e = {NULL, &s, 1};
	char path[512];
	float *y = NULL;
	int rc, batch = 0;

	snprintf(path, sizeof(path), "%s/model.onnx", dir);
	rc = mea_graph_load(path, NULL, &g);
	if (!rc)
		rc = read_sample(dir, 0, g, &s);
	if (!rc)
		rc = bind_inputs(g, &s);
	if (!rc) {
		e.g = g;
		e.left = batch = take_apart(g);
		if (mea_graph_infer(g, 0))
			rc = mea_fail(MEA_EUNSUPPORTED, "the batch does not come apart");
	}
	if (!rc)
		rc = mea_quantize(g, next, &e, &opt, &q);
	if (!rc)
		rc = mea_qnet_from_graph(q, &net);
	if (!rc) {
		y = malloc(sizeof(*y) * (mea_shape_count(&s.out[0].shape) + 1));
	}
	for (int i = 0; !rc && i < batch; i++)
		rc = run_net(g, net, &s, i, y + mea_shape_count(&s.out[0].shape) / batch * i);
	if (!rc)
		rc = compare(&s.out[0], y);
	free(y);
	mea_qnet_free(net);
	mea_graph_free(q);
	mea_graph_free(g);
	free_sample(&s);
	return rc;
}

/* The message without the path in front, which is the same for all. */
static const char *reason(void)
{
	const char *text = strstr(mea_errmsg(), "model.onnx: ");

	return text ? text + strlen("model.onnx: ") : mea_errmsg();
}

int main(int argc, char **argv)
{
	const char *root = argc > 1 ? argv[1] : NODE_TESTS;
	int passed = 0, failed = 0;
	struct dirent **list;
	int n = scandir(root, &list, is_wanted, alphasort);

	if (n <= 0) {
		printf("1..1\nok 1 - node tests # SKIP libonnx-testdata is not installed\n");
		return 0;
	}
	printf("1..%d\n", n + 1);
	for (int i = 0; i < n; i++) {
		char dir[400];
		int rc;

		snprintf(dir, sizeof(dir), "%s/%s", root, list[i]->d_name);
		rc = run_test(dir);
		if (rc && rc != MEA_EUNSUPPORTED)
			printf("not ok %d - %s in int8\n# %s\n", i + 1, list[i]->d_name,
			       mea_errmsg());
		else if (rc)
			printf("ok %d - %s in int8 # SKIP %s\n", i + 1, list[i]->d_name, reason());
		else
			printf("ok %d - %s in int8\n", i + 1, list[i]->d_name);
		passed += !rc;
		failed += rc && rc != MEA_EUNSUPPORTED;
		free(list[i]);
	}
	free(list);
	printf("%sok %d - at least %d node tests run in int8\n", passed < LEAST ? "not " : "",
	       n + 1, LEAST);
	printf("# %d passed, %d failed, %d skipped\n", passed, failed, n - passed - failed);
	return failed || passed < LEAST;
}

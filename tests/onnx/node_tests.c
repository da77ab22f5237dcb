// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the ONNX project's own node tests (libonnx-testdata) of the operations
 * that mea has: loads each model, executes it on the given inputs and compares
 * with the given outputs. Prints TAP; a test that mea does not support is listed
 * below with its reason, so that nothing becomes a skip unnoticed.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/eval.h"
#include "node_data.h"

static const char *const wanted[] = {
	"test_conv_with_",
	"test_basic_conv_",
	"test_averagepool_",
	"test_maxpool_",
	"test_globalaverage",
	"test_globalmax",
	"test_gemm_",
	"test_matmul_",
	"test_add",
	"test_sub",
	"test_mul",
	"test_div",
	"test_relu",
	"test_clip",
	"test_batchnorm_",
	"test_flatten_",
	"test_reshape_",
	"test_squeeze",
	"test_unsqueeze_",
	"test_transpose_",
	"test_qlinear",
	"test_quantizelinear",
	"test_dequantizelinear",
	"test_reduce_mean_",
	"test_concat_",
	"test_softmax_",
	"test_logsoftmax_",
	"test_identity",
	"test_dropout_",
	"test_shape",
	"test_gather_0",
	"test_gather_1",
	"test_gather_2d",
	"test_gather_negative",
	"test_constant",
	"test_sigmoid",
	"test_hardsigmoid",
	"test_hardswish",
	"test_tanh",
	"test_leakyrelu",
	"test_prelu",
	"test_elu",
	"test_gelu",
	"test_softplus",
	"test_mish",
};

/* Where error is given, only that error is a skip: other tests of the prefix pass, and so does
 * the same test in other versions of the data. */
static const struct {
	const char *prefix, *reason, *error;
} known_skips[] = {
	{"test_averagepool_1d", "1-D pooling", NULL},
	{"test_averagepool_3d", "3-D pooling", NULL},
	{"test_maxpool_1d", "1-D pooling", NULL},
	{"test_maxpool_3d", "3-D pooling", NULL},
	{"test_maxpool_with_argmax", "MaxPool's indices output", NULL},
	{"test_batchnorm_epsilon_training_mode", "training mode", NULL},
	{"test_batchnorm_example_training_mode", "training mode", NULL},
	{"test_dropout_default_mask", "Dropout's mask output", NULL},
	{"test_identity_opt", "optional types", NULL},
	{"test_identity_sequence", "sequence types", NULL},
	{"test_constant_pad", "operation Pad", NULL},
	{"test_constantofshape", "a shape that is an input, not a constant", NULL},
	{"test_logsoftmax_", "operation ReduceMax", "operation ReduceMax is not supported"},
	{"test_reshape_", "a shape that is an input, not a constant", NULL},
	{"test_squeeze", "axes that are an input, not a constant", NULL},
	{"test_softmax_axis_0_expanded", "operation ReduceMax", NULL},
	{"test_softmax_axis_1_expanded", "operation ReduceMax", NULL},
	{"test_softmax_axis_2_expanded", "operation ReduceMax", NULL},
	{"test_softmax_default_axis_expanded", "operation ReduceMax", NULL},
	{"test_softmax_example_expanded", "operation ReduceMax", NULL},
	{"test_softmax_large_number_expanded", "operation ReduceMax", NULL},
	{"test_softmax_negative_axis_expanded", "operation ReduceMax", NULL},
	{"test_unsqueeze", "axes that are an input, not a constant", NULL},
	{"test_reduce_mean_", "axes that are an input, not a constant", "axes are not constant"},
	{"test_clip_", "operation Less", "operation Less is not supported"},
	{"test_", "operation CastLike", "operation CastLike is not supported"},
	{"test_softplus_", "operation Exp", "operation Exp is not supported"},
	/* ONNX 1.17; ONNX Runtime saturates as the specification says, and as mea does. */
	{"test_qlinearmatmul_2D_int8_", "expected values that wrap around", " is -128, not "},
	{"test_qlinearmatmul_3D_int8_", "expected values that wrap around", " is -128, not "},
	{"test_quantizelinear_", "blocks with a scale each", "attribute block_size"},
	{"test_dequantizelinear_", "blocks with a scale each", "attribute block_size"},
	{"test_quantizelinear_", "a type of 4 or 16 bits or a float8", "type is not supported"},
	{"test_dequantizelinear_", "a type of 4 or 16 bits or a float8", "type is not supported"},
};

/* Why this test, which just failed, may. */
static const char *skip_reason(const char *test)
{
	for (size_t i = 0; i < sizeof(known_skips) / sizeof(known_skips[0]); i++)
		if (!strncmp(test, known_skips[i].prefix, strlen(known_skips[i].prefix)) &&
		    (!known_skips[i].error || strstr(mea_errmsg(), known_skips[i].error)))
			return known_skips[i].reason;
	return NULL;
}

static int is_wanted(const struct dirent *e)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strncmp(e->d_name, wanted[i], strlen(wanted[i])))
			return 1;
	return 0;
}

/* ONNX's own tolerances: relative 1e-3, absolute 1e-7; exact for integers. */
static int compare(const struct mea_tensor *got, const struct mea_tensor *want)
{
	size_t n = mea_shape_count(&want->shape);
	char a[96], b[96];

	if (got->type != want->type || !mea_shape_equal(&got->shape, &want->shape))
		return mea_fail(MEA_EINVAL, "result is %s %s, not %s %s", mea_dtype_name(got->type),
				mea_shape_text(&got->shape, a, sizeof(a)),
				mea_dtype_name(want->type),
				mea_shape_text(&want->shape, b, sizeof(b)));
	for (size_t i = 0; i < n; i++) {
		if (want->type == MEA_F32) {
			float x = ((float *)got->data)[i], y = ((float *)want->data)[i];

			if (x != y && !(fabsf(x - y) <= 1e-7f + 1e-3f * fabsf(y)))
				return mea_fail(MEA_EINVAL, "element %zu is %g, not %g", i,
						(double)x, (double)y);
		} else if (mea_tensor_int(got, i) != mea_tensor_int(want, i)) {
			return mea_fail(MEA_EINVAL, "element %zu is %lld, not %lld", i,
					(long long)mea_tensor_int(got, i),
					(long long)mea_tensor_int(want, i));
		}
	}
	return 0;
}

/* Returns 0, or MEA_ENOENT when the set does not exist, or an error. */
static int run_set(const char *dir, int set, const struct mea_graph *g)
{
	struct sample s = {0};
	const void *in[ENDS] = {NULL};
	struct mea_eval *e = NULL;
	int rc = read_sample(dir, set, g, &s);

	if (!rc)
		rc = mea_eval_new(g, &e);
	for (int i = 0; !rc && i < g->n_inputs; i++)
		in[i] = s.in[i].data;
	if (!rc)
		rc = mea_eval_run(e, in);
	for (int i = 0; !rc && i < g->n_outputs; i++) {
		struct mea_tensor got = mea_eval_value(e, g->outputs[i]);

		rc = compare(&got, &s.out[i]);
	}
	mea_eval_free(e);
	free_sample(&s);
	return rc;
}

static int run_test(const char *dir)
{
	struct mea_graph *g = NULL;
	char path[512];
	int rc;

	snprintf(path, sizeof(path), "%s/model.onnx", dir);
	rc = mea_graph_load(path, NULL, &g);
	for (int set = 0; !rc; set++) {
		rc = run_set(dir, set, g);
		if (rc == MEA_ENOENT && set > 0) {
			rc = 0;
			break;
		}
	}
	mea_graph_free(g);
	return rc;
}

int main(int argc, char **argv)
{
	const char *root = argc > 1 ? argv[1] : NODE_TESTS;
	int count[3] = {0}; /* passed, failed, skipped */
	struct dirent **list;
	int n = scandir(root, &list, is_wanted, alphasort);

	if (n <= 0) {
		printf("1..1\nok 1 - node tests # SKIP libonnx-testdata is not installed\n");
		return 0;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		const char *test = list[i]->d_name, *reason;
		char dir[400];
		int rc;

		snprintf(dir, sizeof(dir), "%s/%s", root, test);
		rc = run_test(dir);
		reason = rc ? skip_reason(test) : NULL;
		if (reason) {
			printf("ok %d - %s # SKIP %s\n", i + 1, test, reason);
			count[2]++;
		} else if (rc) {
			printf("not ok %d - %s\n# %s\n", i + 1, test, mea_errmsg());
			count[1]++;
		} else {
			printf("ok %d - %s\n", i + 1, test);
			count[0]++;
		}
		free(list[i]);
	}
	free(list);
	printf("# %d passed, %d failed, %d skipped\n", count[0], count[1], count[2]);
	return count[1] != 0;
}

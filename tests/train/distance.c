// SPDX-License-Identifier: Apache-2.0
/*
 * How far the constants of two ONNX files of one network are from each other:
 *
 *   distance A.onnx B.onnx     prints the largest difference over the largest value
 */
#include <math.h>
#include <stdio.h>

#include "graph/graph.h"
#include "mea.h"

int main(int argc, char **argv)
{
	struct mea_graph *g[2] = {NULL, NULL};
	double worst = 0, largest = 0;

	for (int i = 0; i < 2; i++)
		if (argc != 3 || mea_graph_load(argv[i + 1], NULL, &g[i])) {
			fprintf(stderr, "distance: %s\n", argc == 3 ? mea_errmsg() : "two files");
			return 1;
		}
	if (g[0]->n_values != g[1]->n_values) {
		fprintf(stderr, "distance: other networks\n");
		return 1;
	}
	for (int i = 0; i < g[0]->n_values; i++) {
		const struct mea_value *a = &g[0]->values[i], *b = &g[1]->values[i];

		if (!a->data || !b->data || a->type != MEA_F32)
			continue;
		for (size_t j = 0; j < mea_shape_count(&a->shape); j++) {
			double x = ((const float *)a->data)[j], y = ((const float *)b->data)[j];

			worst = fmax(worst, fabs(x - y));
			largest = fmax(largest, fabs(x));
		}
	}
	printf("%.3g\n", worst / largest);
	mea_graph_free(g[0]);
	mea_graph_free(g[1]);
	return 0;
}

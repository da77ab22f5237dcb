// SPDX-License-Identifier: Apache-2.0
#include "quantize/quantize.h"

#include "base/error.h"
#include "graph/lower.h"

int mea_graph_qparams(const struct mea_graph *g, const char *name, struct mea_qparams *p)
{
	int v = mea_graph_find(g, name), n = v < 0 ? -1 : g->values[v].producer;

	if (v < 0)
		return mea_fail(MEA_ENOENT, "%s: there is no tensor %s", g->source, name);
	if (n >= 0 && g->nodes[n].op != MEA_OP_DequantizeLinear)
		n = -1;
	for (int i = 0; n < 0 && i < g->n_nodes; i++)
		if (g->nodes[i].op == MEA_OP_QuantizeLinear && g->nodes[i].in[0] == v)
			n = i;
	if (n < 0)
		return mea_fail(MEA_ENOENT, "%s: tensor %s is not quantised", g->source, name);
	p->name = name;
	return mea_node_qparams(g, &g->nodes[n], &p->scale, &p->zero_point);
}

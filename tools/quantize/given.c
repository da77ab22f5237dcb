// SPDX-License-Identifier: Apache-2.0
#include "quantize/given.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

#define SIDE_MAX 4096

/* "3x224x224". */
static int set_input(void *args, const char *arg)
{
	struct given_options *o = args;
	const char *at = arg;

	for (int i = 0; i < 3; i++) {
		char *end;
		long v = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : 0;

		if (v < 1 || v > SIDE_MAX || *end != (i < 2 ? 'x' : 0))
			return mea_fail(MEA_EINVAL, "--input: '%.40s' is not CxHxW, each 1 to %d",
					arg, SIDE_MAX);
		o->input[i] = v;
		at = end + 1;
	}
	return 0;
}

const struct row given_options[] = {
	{"input", "CxHxW", .call = set_input,
	 .help = "the image's size, such as 3x224x224, where a model leaves it open"},
	{0},
};

int given_load(const char *path, const struct given_options *opt, bool cloud, struct given *m)
{
	struct mea_load_options load = {.image = {opt->input[0], opt->input[1], opt->input[2]}};
	int rc;

	*m = (struct given){.ends.dropped = MEA_OP_COUNT};
	rc = mea_graph_load(path, &load, &m->g);
	if (rc)
		return rc;
	for (int i = 0; i < m->g->n_nodes; i++)
		m->quantised |= !cloud && m->g->nodes[i].op == MEA_OP_QuantizeLinear;
	m->as_is = !m->g->external && !opt->input[0];
	if (cloud) {
		rc = mea_graph_simplify(m->g);
		if (!rc && m->g->n_outputs)
			m->ends.dropped = mea_graph_drop_activation(m->g, 0);
		m->ends.changed = m->ends.dropped != MEA_OP_COUNT;
		if (!rc)
			rc = mea_graph_prune(m->g);
	} else {
		rc = mea_graph_take_ends(m->g, &m->ends);
	}
	m->as_is &= !m->ends.changed;
	return rc;
}

void given_free(struct given *m)
{
	mea_graph_free(m->g);
	m->g = NULL;
}

int given_normalise(const struct given *m, const char *path, float mean[3], float std[3])
{
	if (!m->ends.pixels)
		return 0;
	if (!isnan(mean[0]) || !isnan(std[0]))
		return mea_fail(MEA_EINVAL,
				"--mean, --std: %s takes pixels of 0 to 255 as they are", path);
	for (int i = 0; i < 3; i++) {
		mean[i] = 0;
		std[i] = 1.0f / 255;
	}
	return 0;
}

void given_tell(const struct given *m, const char *name)
{
	if (m->ends.dropped != MEA_OP_COUNT)
		printf("%s: without the %s at its end; confidence is the softmax of the logits\n",
		       name, mea_op_name(m->ends.dropped));
	if (m->quantised)
		printf("%s: is quantised already; `mea run` takes it as it is\n", name);
}

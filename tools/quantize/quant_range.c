// SPDX-License-Identifier: Apache-2.0
/* Calibration: the examples go through the float graph, and what each tensor is
 * seen to hold decides its range. */
#include "quantize/quant_spec.h"

#include <stdlib.h>

#include "base/error.h"
#include "quantize/calib.h"
#include "graph/eval.h"

static int set_fixed(struct mea_quant_spec *p, const struct mea_qparams *f)
{
	int v = mea_graph_find(p->g, f->name), r;

	if (v < 0 || !p->v[v].quantised)
		return mea_fail(MEA_EINVAL, "%s: %s is no quantised tensor", p->g->source, f->name);
	if (!(f->scale > 0) || !isfinite(f->scale) || f->zero_point < -128 || f->zero_point > 127)
		return mea_fail(MEA_EINVAL, "%s: scale %g, zero point %d of %s are out of range",
				p->g->source, (double)f->scale, f->zero_point, f->name);
	r = mea_quant_group(p, v);
	if (p->v[r].fixed && (p->v[r].scale != f->scale || p->v[r].zero_point != f->zero_point))
		return mea_fail(MEA_EINVAL,
				"%s: the scale given for %s contradicts another given one",
				p->g->source, f->name);
	p->v[r].fixed = true;
	p->v[r].scale = f->scale;
	p->v[r].zero_point = f->zero_point;
	return 0;
}

/*
 * Adds value i's elements to a histogram. Those of an addend first come back to the
 * point where the clamp after the addition begins, those before an activation to where it
 * gets flat: beyond it they change nothing, and a range that reached there would only cost
 * precision.
 */
static int observe_value(const struct mea_quant_spec *p, const struct mea_eval *e, int i,
			 struct mea_hist *h)
{
	const struct mea_quant_value *b = &p->v[i];
	struct mea_tensor t = mea_eval_value(e, i);
	size_t n = mea_shape_count(&t.shape);
	const float *x = t.data, *other;
	float *cut;
	int rc;

	if (b->addend < 0 && b->lo == -INFINITY && b->hi == INFINITY)
		return mea_hist_add(h, x, n);
	other = b->addend < 0 ? NULL : mea_eval_value(e, b->addend).data;
	cut = malloc(sizeof(*cut) * (n + 1));
	if (!cut)
		return mea_nomem();
	for (size_t k = 0; k < n; k++) {
		float at = other ? other[k] : 0, lo = b->lo - at, hi = b->hi - at;

		cut[k] = x[k] < lo ? lo : x[k] > hi ? hi : x[k];
	}
	rc = mea_hist_add(h, cut, n);
	free(cut);
	return rc;
}

/* Adds the values of one run to the histograms of their groups. */
static int observe(const struct mea_quant_spec *p, const struct mea_eval *e, struct mea_hist **hist)
{
	for (int i = 0; i < p->g->n_values; i++) {
		int r = mea_quant_group(p, i), rc;

		if (!p->v[i].quantised || p->v[r].fixed)
			continue;
		if (!hist[r])
			hist[r] = calloc(1, sizeof(**hist));
		if (!hist[r])
			return mea_nomem();
		rc = observe_value(p, e, i, hist[r]);
		if (rc)
			return mea_fail_in(rc, "%s: calibrating %s", p->g->source,
					   p->g->values[i].name);
	}
	return 0;
}

/* Room for one example: the elements of every input. */
static float **alloc_inputs(const struct mea_graph *g)
{
	float **in = calloc((size_t)g->n_inputs + 1, sizeof(*in));

	for (int i = 0; in && i < g->n_inputs; i++) {
		in[i] = malloc(sizeof(float) *
			       (mea_shape_count(&g->values[g->inputs[i]].shape) + 1));
		if (!in[i]) {
			while (i--)
				free(in[i]);
			free(in);
			return NULL;
		}
	}
	return in;
}

static int collect(struct mea_quant_spec *p, mea_next_input next, void *ctx, struct mea_hist **hist)
{
	struct mea_eval *e = NULL;
	float **in = alloc_inputs(p->g);
	int rc, images = 0;

	if (!in)
		return mea_nomem();
	rc = mea_eval_new(p->g, &e);
	while (!rc && (rc = next(ctx, in)) == 1) {
		rc = mea_eval_run(e, (const void *const *)in);
		if (!rc)
			rc = observe(p, e, hist);
		images++;
	}
	if (!rc && !images)
		rc = mea_fail(MEA_EINVAL, "%s: there are no calibration examples", p->g->source);
	for (int i = 0; i < p->g->n_inputs; i++)
		free(in[i]);
	free(in);
	mea_eval_free(e);
	return rc;
}

int mea_quant_calibrate(struct mea_quant_spec *p, mea_next_input next, void *ctx,
			const struct mea_quantize_options *opt)
{
	double percentile = opt && opt->percentile > 0 ? opt->percentile : 99.99;
	struct mea_hist **hist = calloc((size_t)p->g->n_values + 1, sizeof(*hist));
	int rc = 0;

	if (!hist)
		return mea_nomem();
	for (int i = 0; !rc && opt && i < opt->n_fixed; i++)
		rc = set_fixed(p, &opt->fixed[i]);
	if (!rc)
		rc = collect(p, next, ctx, hist);
	for (int i = 0; i < p->g->n_values; i++) {
		if (!rc && hist[i])
			mea_hist_params(hist[i], opt ? opt->method : MEA_CALIB_MSE, percentile,
					&p->v[i].scale, &p->v[i].zero_point);
		free(hist[i]);
	}
	free(hist);
	return rc;
}

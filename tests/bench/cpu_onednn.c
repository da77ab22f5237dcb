// SPDX-License-Identifier: Apache-2.0
/*
 * The peer: oneDNN with the layers of a qnet, each a primitive with all that it can
 * fuse: bias, scales, the residual as a sum in place, ReLU. It runs the same shapes;
 * its values are of no interest here, so zero points are left out in its favour.
 */
#include "cpu_bench.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void omp_set_num_threads(int n);

#define ARGS_MAX 4

struct step {
	dnnl_primitive_t p;
	dnnl_exec_arg_t args[ARGS_MAX];
	int n_args;
};

struct onednn {
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	int threads, batch;
	bool int8;
	struct step *steps;
	int n_steps;
	/* While it is built: the memory of each tensor of a network. */
	dnnl_memory_t *at;
};

static dnnl_status_t failed; /* of any call while building; checked once at the end */

static void check(dnnl_status_t s)
{
	if (s && !failed)
		failed = s;
}

static dnnl_memory_t memory(struct onednn *o, const dnnl_memory_desc_t *md)
{
	dnnl_memory_t m = NULL;
	void *data = NULL;

	check(dnnl_memory_create(&m, md, o->engine, DNNL_MEMORY_ALLOCATE));
	check(dnnl_memory_get_data_handle(m, &data));
	/* As bytes 60, as floats 0.0115: what is left from others may be denormal. */
	if (data)
		memset(data, 60, dnnl_memory_desc_get_size(md));
	return m;
}

static void arg(struct step *s, int what, dnnl_memory_t m)
{
	s->args[s->n_args++] = (dnnl_exec_arg_t){what, m};
}

static dnnl_memory_desc_t tensor_desc(const struct onednn *o, const struct mea_qtensor *t, bool any)
{
	dnnl_dims_t d = {o->batch, t->c, t->h, t->w};
	dnnl_memory_desc_t md;

	check(dnnl_memory_desc_init_by_tag(&md, 4, d, o->int8 ? dnnl_u8 : dnnl_f32,
					   any && !o->int8 ? dnnl_format_tag_any : dnnl_nhwc));
	return md;
}

static const dnnl_memory_desc_t *desc_of(dnnl_memory_t m)
{
	const dnnl_memory_desc_t *md = NULL;

	check(dnnl_memory_get_memory_desc(m, &md));
	return md;
}

static dnnl_primitive_attr_t attributes(const struct onednn *o, const struct mea_qlayer *l, int oc)
{
	float *scales = calloc((size_t)oc, sizeof(*scales));
	int lo = l->in2 >= 0 ? l->lo : l->mid_lo;
	dnnl_primitive_attr_t a;
	dnnl_post_ops_t ops;

	for (int i = 0; i < oc; i++)
		scales[i] = 0.001f;
	check(dnnl_primitive_attr_create(&a));
	check(dnnl_post_ops_create(&ops));
	if (o->int8)
		check(dnnl_primitive_attr_set_output_scales(a, oc, 2, scales));
	if (l->in2 >= 0)
		check(dnnl_post_ops_append_sum(ops, o->int8 ? 0.7f : 1.0f));
	if (lo > -128 || l->mid_zero == -128)
		check(dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0));
	check(dnnl_primitive_attr_set_post_ops(a, ops));
	check(dnnl_post_ops_destroy(ops));
	free(scales);
	return a;
}

static void add_conv(struct onednn *o, const struct mea_qnet *net, const struct mea_qlayer *l)
{
	const struct mea_qtensor *in = &net->tensors[l->in], *out = &net->tensors[l->out];
	int g = l->groups, grouped = g > 1;
	dnnl_dims_t plain = {out->c, in->c, l->kh, l->kw}, bias = {out->c};
	dnnl_dims_t groups = {g, out->c / g, in->c / g, l->kh, l->kw};
	dnnl_dims_t strides = {l->stride_h, l->stride_w};
	dnnl_dims_t before = {l->pad_t, l->pad_l}, after = {l->pad_b, l->pad_r};
	dnnl_memory_desc_t src = *desc_of(o->at[l->in]), dst = tensor_desc(o, out, true), wd, bd;
	dnnl_primitive_attr_t a = attributes(o, l, out->c);
	struct step *s = &o->steps[o->n_steps++];
	dnnl_convolution_desc_t d;
	dnnl_primitive_desc_t pd = NULL;

	if (l->in2 >= 0)
		dst = *desc_of(o->at[l->in2]);
	check(dnnl_memory_desc_init_by_tag(&wd, 4 + grouped, grouped ? groups : plain,
					   o->int8 ? dnnl_s8 : dnnl_f32, dnnl_format_tag_any));
	check(dnnl_memory_desc_init_by_tag(&bd, 1, bias, o->int8 ? dnnl_s32 : dnnl_f32, dnnl_a));
	check(dnnl_convolution_forward_desc_init(&d, dnnl_forward_inference,
						 dnnl_convolution_direct, &src, &wd, &bd, &dst,
						 strides, before, after));
	check(dnnl_primitive_desc_create(&pd, &d, a, o->engine, NULL));
	check(dnnl_primitive_attr_destroy(a));
	if (failed)
		return;
	check(dnnl_primitive_create(&s->p, pd));
	o->at[l->out] = l->in2 >= 0
				? o->at[l->in2]
				: memory(o, dnnl_primitive_desc_query_md(pd, dnnl_query_dst_md, 0));
	arg(s, DNNL_ARG_SRC, o->at[l->in]);
	arg(s, DNNL_ARG_WEIGHTS,
	    memory(o, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0)));
	arg(s, DNNL_ARG_BIAS, memory(o, &bd));
	arg(s, DNNL_ARG_DST, o->at[l->out]);
	check(dnnl_primitive_desc_destroy(pd));
}

static void add_pool(struct onednn *o, const struct mea_qnet *net, const struct mea_qlayer *l)
{
	dnnl_memory_desc_t dst = tensor_desc(o, &net->tensors[l->out], true);
	dnnl_dims_t strides = {l->stride_h, l->stride_w}, kernel = {l->kh, l->kw};
	dnnl_dims_t before = {l->pad_t, l->pad_l}, after = {l->pad_b, l->pad_r};
	struct step *s = &o->steps[o->n_steps++];
	dnnl_primitive_desc_t pd = NULL;
	dnnl_pooling_desc_t d;

	check(dnnl_pooling_forward_desc_init(
		&d, dnnl_forward_inference,
		l->op == MEA_Q_MAXPOOL ? dnnl_pooling_max : dnnl_pooling_avg_include_padding,
		desc_of(o->at[l->in]), &dst, strides, kernel, before, after));
	check(dnnl_primitive_desc_create(&pd, &d, NULL, o->engine, NULL));
	if (failed)
		return;
	check(dnnl_primitive_create(&s->p, pd));
	o->at[l->out] = memory(o, dnnl_primitive_desc_query_md(pd, dnnl_query_dst_md, 0));
	arg(s, DNNL_ARG_SRC, o->at[l->in]);
	arg(s, DNNL_ARG_DST, o->at[l->out]);
	check(dnnl_primitive_desc_destroy(pd));
}

static void add_add(struct onednn *o, const struct mea_qlayer *l)
{
	const dnnl_memory_desc_t *md = desc_of(o->at[l->in]);
	struct step *s = &o->steps[o->n_steps++];
	dnnl_primitive_desc_t pd = NULL;
	dnnl_binary_desc_t d;

	check(dnnl_binary_desc_init(&d, dnnl_binary_add, md, desc_of(o->at[l->in2]), md));
	check(dnnl_primitive_desc_create(&pd, &d, NULL, o->engine, NULL));
	if (failed)
		return;
	check(dnnl_primitive_create(&s->p, pd));
	o->at[l->out] = memory(o, md);
	arg(s, DNNL_ARG_SRC_0, o->at[l->in]);
	arg(s, DNNL_ARG_SRC_1, o->at[l->in2]);
	arg(s, DNNL_ARG_DST, o->at[l->out]);
	check(dnnl_primitive_desc_destroy(pd));
}

static int add_net(struct onednn *o, const struct mea_qnet *net)
{
	o->at = calloc((size_t)net->n_tensors, sizeof(dnnl_memory_t));
	for (int i = 0; i < net->n_inputs; i++) {
		dnnl_memory_desc_t md = tensor_desc(o, &net->tensors[net->inputs[i]], false);

		o->at[net->inputs[i]] = memory(o, &md);
	}
	for (int i = 0; i < net->n_layers && !failed; i++) {
		const struct mea_qlayer *l = &net->layers[i];

		if (l->op == MEA_Q_CONV)
			add_conv(o, net, l);
		else if (l->op == MEA_Q_ADD)
			add_add(o, l);
		else if (l->op == MEA_Q_CONCAT)
			return mea_fail(MEA_EUNSUPPORTED, "oneDNN: no concat in this benchmark");
		else
			add_pool(o, net, l);
		if (failed)
			return mea_fail(MEA_EDEVICE, "oneDNN: layer %s: status %d", l->name,
					(int)failed);
	}
	free(o->at);
	o->at = NULL;
	return 0;
}

static int onednn_run(void *ctx, int times, double *us)
{
	struct onednn *o = ctx;
	dnnl_status_t rc = dnnl_success;

	omp_set_num_threads(o->threads);
	for (int t = 0; t < times; t++) {
		double start = now_us();

		for (int i = 0; i < o->n_steps && !rc; i++)
			rc = dnnl_primitive_execute(o->steps[i].p, o->stream, o->steps[i].n_args,
						    o->steps[i].args);
		dnnl_stream_wait(o->stream);
		us[t] = now_us() - start;
	}
	return rc ? mea_fail(MEA_EDEVICE, "oneDNN: status %d", (int)rc) : 0;
}

/* The benchmark ends soon after; memories, which layers share, end with it. */
static void onednn_close(void *ctx)
{
	struct onednn *o = ctx;

	for (int i = 0; i < o->n_steps; i++)
		dnnl_primitive_destroy(o->steps[i].p);
	dnnl_stream_destroy(o->stream);
	dnnl_engine_destroy(o->engine);
	free(o->steps);
	free(o);
}

int onednn_open(const struct work *w, int threads, int batch, bool int8, struct contender *c)
{
	struct onednn *o = calloc(1, sizeof(*o));
	int layers = 0, rc = 0;

	failed = dnnl_success;
	o->threads = threads;
	o->batch = batch;
	o->int8 = int8;
	omp_set_num_threads(threads);
	check(dnnl_engine_create(&o->engine, dnnl_cpu, 0));
	check(dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags));
	for (int n = 0; n < w->n_nets; n++)
		layers += w->nets[n]->n_layers;
	o->steps = calloc((size_t)layers, sizeof(*o->steps));
	for (int n = 0; n < w->n_nets && !rc; n++)
		rc = add_net(o, w->nets[n]);
	*c = (struct contender){int8 ? "oneDNN int8" : "oneDNN f32", o, onednn_run, onednn_close};
	return rc;
}

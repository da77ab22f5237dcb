// SPDX-License-Identifier: Apache-2.0
#include "train/dnnl.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "train/dnnl_api.h"
#include "train/mem.h"

static dnnl_engine_t engine;
static dnnl_stream_t stream;
static dnnl_primitive_attr_t attr; /* of all primitives: their scratchpads are ours */
static pthread_key_t scratch_key;  /* a thread's struct scratch */
static dnnl_status_t engine_status;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

/* One engine for the process, which ends with it. */
static void engine_start(void)
{
	engine_status = dnnl_engine_create(&engine, dnnl_cpu, 0);
	if (!engine_status)
		engine_status = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
	if (!engine_status)
		engine_status = dnnl_primitive_attr_create(&attr);
	if (!engine_status)
		engine_status =
			dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
	if (!engine_status && pthread_key_create(&scratch_key, free))
		engine_status = dnnl_out_of_memory;
}

/* What kernels work in, a piece for each thread: oneDNN's own belongs to the thread that made the
 * primitive, and ours are run by any, and by several at once. */
struct scratch {
	_Alignas(64) size_t bytes;
	_Alignas(64) char data[];
};

static void *scratch(size_t bytes)
{
	struct scratch *s = pthread_getspecific(scratch_key);

	if (s && s->bytes >= bytes)
		return s->data;
	free(s);
	bytes = (bytes + 63) / 64 * 64;
	s = aligned_alloc(64, sizeof(*s) + bytes);
	if (s)
		s->bytes = bytes;
	if (pthread_setspecific(scratch_key, s)) {
		free(s);
		s = NULL;
	}
	return s ? s->data : NULL;
}

static int failed(dnnl_status_t s, const char *what)
{
	if (s == dnnl_success)
		return 0;
	if (s == dnnl_out_of_memory)
		return mea_nomem();
	return mea_fail(MEA_EUNSUPPORTED, "oneDNN: %s: status %d", what, (int)s);
}

/* --- one primitive and what it is run with ---------------------------------- */

enum { SRC, WEIGHTS, BIAS, DST, N_ARGS };

/* Nothing in it changes once it is made, so that threads may run it at once. */
struct prim {
	dnnl_primitive_t p;
	int arg[N_ARGS]; /* 0: none */
	dnnl_md md[N_ARGS], scratch_md;
	size_t scratch; /* bytes */
};

static void prim_free(struct prim *p)
{
	if (p->p)
		dnnl_primitive_destroy(p->p);
}

/* The primitive of pd with these arguments. */
static dnnl_status_t prim_new(const_dnnl_primitive_desc_t pd, const int arg[N_ARGS], struct prim *p)
{
	dnnl_status_t s = dnnl_primitive_create(&p->p, pd);
	const_dnnl_primitive_desc_t own;

	if (!s)
		s = dnnl_primitive_get_primitive_desc(p->p, &own);
	if (s)
		return s;
	/* These live as long as the primitive. */
	for (int i = 0; i < N_ARGS; i++) {
		p->arg[i] = arg[i];
		if (arg[i])
			p->md[i] =
				dnnl_primitive_desc_query_md(own, dnnl_query_exec_arg_md, arg[i]);
	}
	p->scratch_md = dnnl_primitive_desc_query_md(own, dnnl_query_scratchpad_md, 0);
	p->scratch = p->scratch_md ? dnnl_memory_desc_get_size(p->scratch_md) : 0;
	return s;
}

static dnnl_status_t prim_run(const struct prim *p, const void *const data[N_ARGS])
{
	dnnl_exec_arg_t args[N_ARGS + 1];
	dnnl_status_t s = dnnl_success;
	int n = 0;

	for (int i = 0; i <= N_ARGS && !s; i++) {
		bool work = i == N_ARGS;
		void *at = !work	? (void *)(uintptr_t)data[i]
			   : p->scratch ? scratch(p->scratch)
					: NULL;

		if (work ? !p->scratch : !p->arg[i])
			continue;
		if (work && !at)
			s = dnnl_out_of_memory;
		else
			s = dnnl_memory_create(&args[n].memory, work ? p->scratch_md : p->md[i],
					       engine, at);
		args[n].arg = work ? DNNL_ARG_SCRATCHPAD : p->arg[i];
		n += !s;
	}
	if (!s)
		s = dnnl_primitive_execute(p->p, stream, n, args);
	while (n > 0)
		dnnl_memory_destroy(args[--n].memory);
	return s;
}

/* A change of order and type. */
static dnnl_status_t reorder_new(dnnl_md from, dnnl_md to, struct prim *p)
{
	static const int arg[N_ARGS] = {[SRC] = DNNL_ARG_FROM, [DST] = DNNL_ARG_TO};
	dnnl_primitive_desc_t pd = NULL;
	dnnl_status_t s = dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, attr);

	if (!s)
		s = prim_new(pd, arg, p);
	if (pd)
		dnnl_primitive_desc_destroy(pd);
	return s;
}

/* --- convolutions -------------------------------------------------------------- */

struct mea_conv {
	bool bias;
	struct prim forward, data, weights;
	struct prim to_forward, to_data, from_weights; /* reorders of the weights */
	void *w_forward, *w_data, *w_gradient;
	bool share;    /* w_data is w_forward */
	bool borrowed; /* w_forward is another's */
	bool lean;
	size_t room;
};

struct descs {
	dnnl_memory_desc_t src, dst, any, any_f32, plain, bias;
	dnnl_dims_t stride, dilation, pad_l, pad_r;
	dnnl_primitive_desc_t forward, data, weights;
};

static dnnl_status_t describe(const struct mea_conv_shape *s, struct descs *d)
{
	dnnl_data_type_t type = s->bf16 ? dnnl_bf16 : dnnl_f32;
	dnnl_dims_t src = {s->n, s->ic, s->ih, s->iw}, dst = {s->n, s->oc, s->oh, s->ow};
	dnnl_dims_t bias = {s->oc};
	dnnl_dims_t w = {s->oc, s->ic, s->kernel[0], s->kernel[1]};
	dnnl_dims_t wg = {s->groups, s->oc / s->groups, s->ic / s->groups, s->kernel[0],
			  s->kernel[1]};
	int rank = s->groups > 1 ? 5 : 4;
	dnnl_status_t rc = dnnl_md_new(&d->src, 4, src, type, dnnl_nhwc);

	if (!rc)
		rc = dnnl_md_new(&d->dst, 4, dst, type, dnnl_nhwc);
	if (!rc)
		rc = dnnl_md_new(&d->bias, 1, bias, dnnl_f32, dnnl_x);
	if (!rc)
		rc = dnnl_md_new(&d->any, rank, rank == 5 ? wg : w, type, dnnl_format_tag_any);
	if (!rc)
		rc = dnnl_md_new(&d->any_f32, rank, rank == 5 ? wg : w, dnnl_f32,
				 dnnl_format_tag_any);
	if (!rc)
		rc = dnnl_md_new(&d->plain, rank, rank == 5 ? wg : w, dnnl_f32,
				 rank == 5 ? dnnl_goihw : dnnl_oihw);
	for (int i = 0; i < 2; i++) {
		d->stride[i] = s->stride[i];
		d->dilation[i] = s->dilation[i] - 1;
		d->pad_l[i] = s->pad[i];
		d->pad_r[i] = s->pad[i + 2];
	}
	return rc;
}

static dnnl_status_t choose(const struct mea_conv_shape *s, bool data, bool weights,
			    struct descs *d)
{
	struct dnnl_conv c = {&d->src,	&d->any,   s->bias ? &d->bias : NULL,
			      &d->dst,	d->stride, d->dilation,
			      d->pad_l, d->pad_r,  attr};
	dnnl_status_t rc = dnnl_conv_forward(
		&d->forward, engine,
		data || weights ? dnnl_forward_training : dnnl_forward_inference, &c);

	if (!rc && data)
		rc = dnnl_conv_data(&d->data, engine, &c, d->forward);
	c.weights = &d->any_f32;
	if (!rc && weights)
		rc = dnnl_conv_weights(&d->weights, engine, &c, d->forward);
	return rc;
}

/* The kernel of pd with the library's own copy of the weights, *w, and the reorder
 * between them and the caller's. */
static dnnl_status_t build(const struct descs *d, dnnl_primitive_desc_t pd, struct mea_conv *c,
			   const int arg[N_ARGS], struct prim *p, struct prim *order, void **w)
{
	bool gradient = pd == d->weights;
	dnnl_md md = dnnl_primitive_desc_query_md(
		pd, gradient ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
	size_t bytes = dnnl_memory_desc_get_size(md);
	dnnl_status_t rc =
		prim_new(pd,
			 (const int[N_ARGS]){arg[SRC], arg[WEIGHTS],
					     c->bias && pd != d->data ? arg[BIAS] : 0, arg[DST]},
			 p);

	c->room = bytes > c->room ? bytes : c->room;
	if (!rc && !*w) {
		if (!c->lean)
			*w = mea_mem_new(gradient ? MEA_MEM_GRADIENTS : MEA_MEM_COPIES, bytes);
		if (!c->lean && !*w)
			return dnnl_out_of_memory;
		rc = gradient ? reorder_new(md, dnnl_md_of(&d->plain), order)
			      : reorder_new(dnnl_md_of(&d->plain), md, order);
	}
	return rc;
}

/* Lets c use the weights of `like` if both have them in one order. */
static void borrow(const struct descs *d, const struct mea_conv *like, struct mea_conv *c)
{
	c->borrowed = dnnl_memory_desc_equal(dnnl_primitive_desc_query_md(d->forward,
									  dnnl_query_weights_md, 0),
					     like->forward.md[WEIGHTS]);
	if (c->borrowed)
		c->w_forward = like->w_forward;
}

static dnnl_status_t build_all(const struct descs *d, struct mea_conv *c)
{
	static const int forward[N_ARGS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS,
					    DNNL_ARG_DST};
	static const int data[N_ARGS] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, 0, DNNL_ARG_DIFF_DST};
	static const int weights[N_ARGS] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS,
					    DNNL_ARG_DIFF_DST};
	dnnl_status_t rc =
		build(d, d->forward, c, forward, &c->forward, &c->to_forward, &c->w_forward);

	if (!rc && d->data) {
		c->share = dnnl_memory_desc_equal(
			dnnl_primitive_desc_query_md(d->forward, dnnl_query_weights_md, 0),
			dnnl_primitive_desc_query_md(d->data, dnnl_query_weights_md, 0));
		if (c->share)
			c->w_data = c->w_forward;
		rc = build(d, d->data, c, data, &c->data, &c->to_data, &c->w_data);
	}
	if (!rc && d->weights)
		rc = build(d, d->weights, c, weights, &c->weights, &c->from_weights,
			   &c->w_gradient);
	return rc;
}

static void forget(struct descs *d)
{
	dnnl_memory_desc_t *md[] = {&d->src, &d->dst, &d->any, &d->any_f32, &d->plain, &d->bias};

	if (d->forward)
		dnnl_primitive_desc_destroy(d->forward);
	if (d->data)
		dnnl_primitive_desc_destroy(d->data);
	if (d->weights)
		dnnl_primitive_desc_destroy(d->weights);
	for (size_t i = 0; i < sizeof(md) / sizeof(md[0]); i++)
		dnnl_md_free(md[i]);
}

int mea_conv_new(const struct mea_conv_shape *s, bool data, bool weights,
		 const struct mea_conv *like, struct mea_conv **out)
{
	struct mea_conv *c = calloc(1, sizeof(*c));
	struct descs d = {0};
	dnnl_status_t rc;

	*out = NULL;
	if (!c)
		return mea_nomem();
	c->bias = s->bias;
	c->lean = s->lean;
	pthread_once(&engine_once, engine_start);
	rc = engine_status;
	if (!rc)
		rc = describe(s, &d);
	if (!rc)
		rc = choose(s, data, weights, &d);
	if (!rc && like)
		borrow(&d, like, c);
	if (!rc)
		rc = build_all(&d, c);
	forget(&d);
	if (rc) {
		mea_conv_free(c);
		return failed(rc, "convolution");
	}
	*out = c;
	return 0;
}

void mea_conv_free(struct mea_conv *c)
{
	if (!c)
		return;
	prim_free(&c->forward);
	prim_free(&c->data);
	prim_free(&c->weights);
	prim_free(&c->to_forward);
	prim_free(&c->to_data);
	prim_free(&c->from_weights);
	if (!c->lean) {
		if (!c->borrowed)
			mea_mem_free(c->w_forward);
		if (!c->share)
			mea_mem_free(c->w_data);
		mea_mem_free(c->w_gradient);
	}
	free(c);
}

int mea_conv_set_weights(struct mea_conv *c, const float *w)
{
	dnnl_status_t rc = dnnl_success;

	if (!c->borrowed)
		rc = prim_run(&c->to_forward,
			      (const void *[N_ARGS]){[SRC] = w, [DST] = c->w_forward});
	if (!rc && c->data.p && !c->share && !c->lean)
		rc = prim_run(&c->to_data, (const void *[N_ARGS]){[SRC] = w, [DST] = c->w_data});
	return failed(rc, "weights");
}

int mea_conv_set_data_weights(struct mea_conv *c, const float *w)
{
	struct prim *order = c->share ? &c->to_forward : &c->to_data;

	return failed(prim_run(order, (const void *[N_ARGS]){[SRC] = w, [DST] = c->w_data}),
		      "weights");
}

size_t mea_conv_room(const struct mea_conv *c)
{
	return c->room;
}

void mea_conv_lend(struct mea_conv *c, void *room)
{
	c->w_forward = c->w_data = c->w_gradient = room;
}

int mea_conv_forward(const struct mea_conv *c, const void *src, const float *bias, void *dst)
{
	return failed(prim_run(&c->forward, (const void *[N_ARGS]){src, c->w_forward,
								   c->bias ? bias : NULL, dst}),
		      "convolution");
}

int mea_conv_backward_data(struct mea_conv *c, const void *ddst, void *dsrc)
{
	return failed(prim_run(&c->data, (const void *[N_ARGS]){dsrc, c->w_data, NULL, ddst}),
		      "convolution's input gradient");
}

int mea_conv_backward_weights(struct mea_conv *c, const void *src, const void *ddst, float *dw,
			      float *dbias)
{
	dnnl_status_t rc =
		prim_run(&c->weights,
			 (const void *[N_ARGS]){src, c->w_gradient, c->bias ? dbias : NULL, ddst});

	if (!rc)
		rc = prim_run(&c->from_weights,
			      (const void *[N_ARGS]){[SRC] = c->w_gradient, [DST] = dw});
	return failed(rc, "convolution's weight gradient");
}

/* --- the rest --------------------------------------------------------------------- */

int mea_matmul(bool trans_a, bool trans_b, int m, int n, int k, const float *a, const float *b,
	       float beta, float *out)
{
	return failed(dnnl_sgemm(trans_a ? 'T' : 'N', trans_b ? 'T' : 'N', m, n, k, 1.0f, a,
				 trans_a ? m : k, b, trans_b ? k : n, beta, out, n),
		      "matrix product");
}

bool mea_dnnl_computes_bf16(void)
{
	return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) ==
	       dnnl_cpu_isa_avx512_core;
}

bool mea_dnnl_has_bf16(void)
{
	return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) ==
	       dnnl_cpu_isa_avx512_core_bf16;
}

const char *mea_dnnl_isa(void)
{
	switch (dnnl_get_effective_cpu_isa()) {
	case dnnl_cpu_isa_avx512_core_amx:
		return "AMX";
	case dnnl_cpu_isa_avx512_core_bf16:
		return "AVX-512 BF16";
	case dnnl_cpu_isa_avx512_core_vnni:
	case dnnl_cpu_isa_avx512_core:
		return "AVX-512";
	case dnnl_cpu_isa_avx2_vnni:
	case dnnl_cpu_isa_avx2:
		return "AVX2";
	default:
		return "SSE or other";
	}
}

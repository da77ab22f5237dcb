/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oneDNN 2 (Debian 12) and 3 (Debian 13) alike. Version 3 made descriptors of memory objects that
 * are created and destroyed, and describes an operation in the call that creates its primitive.
 */
#ifndef MEA_TRAIN_DNNL_API_H
#define MEA_TRAIN_DNNL_API_H

#include <oneapi/dnnl/dnnl.h>

/* A convolution's operands and window; bias: NULL, or &md of it. */
struct dnnl_conv {
	const dnnl_memory_desc_t *src, *weights, *bias, *dst;
	const dnnl_dim_t *stride, *dilation, *pad_l, *pad_r;
	const_dnnl_primitive_attr_t attr;
};

#if DNNL_VERSION_MAJOR >= 3

typedef const_dnnl_memory_desc_t dnnl_md;

/* The descriptor as calls take it. */
static inline dnnl_md dnnl_md_of(const dnnl_memory_desc_t *md)
{
	return md ? *md : NULL;
}

static inline dnnl_status_t dnnl_md_new(dnnl_memory_desc_t *md, int rank, const dnnl_dims_t dims,
					dnnl_data_type_t type, dnnl_format_tag_t tag)
{
	return dnnl_memory_desc_create_with_tag(md, rank, dims, type, tag);
}

/* A zeroed one is fine. */
static inline void dnnl_md_free(dnnl_memory_desc_t *md)
{
	if (*md)
		dnnl_memory_desc_destroy(*md);
}

static inline dnnl_status_t dnnl_conv_forward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
					      dnnl_prop_kind_t kind, const struct dnnl_conv *c)
{
	return dnnl_convolution_forward_primitive_desc_create(
		pd, engine, kind, dnnl_convolution_direct, *c->src, *c->weights,
		dnnl_md_of(c->bias), *c->dst, c->stride, c->dilation, c->pad_l, c->pad_r, c->attr);
}

static inline dnnl_status_t dnnl_conv_data(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
					   const struct dnnl_conv *c, dnnl_primitive_desc_t forward)
{
	return dnnl_convolution_backward_data_primitive_desc_create(
		pd, engine, dnnl_convolution_direct, *c->src, *c->weights, *c->dst, c->stride,
		c->dilation, c->pad_l, c->pad_r, forward, c->attr);
}

static inline dnnl_status_t dnnl_conv_weights(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
					      const struct dnnl_conv *c,
					      dnnl_primitive_desc_t forward)
{
	return dnnl_convolution_backward_weights_primitive_desc_create(
		pd, engine, dnnl_convolution_direct, *c->src, *c->weights, dnnl_md_of(c->bias),
		*c->dst, c->stride, c->dilation, c->pad_l, c->pad_r, forward, c->attr);
}

#else

typedef const dnnl_memory_desc_t *dnnl_md;

static inline dnnl_md dnnl_md_of(const dnnl_memory_desc_t *md)
{
	return md;
}

static inline dnnl_status_t dnnl_md_new(dnnl_memory_desc_t *md, int rank, const dnnl_dims_t dims,
					dnnl_data_type_t type, dnnl_format_tag_t tag)
{
	return dnnl_memory_desc_init_by_tag(md, rank, dims, type, tag);
}

static inline void dnnl_md_free(dnnl_memory_desc_t *md)
{
	(void)md;
}

static inline dnnl_status_t dnnl_conv_forward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
					      dnnl_prop_kind_t kind, const struct dnnl_conv *c)
{
	dnnl_convolution_desc_t d;
	dnnl_status_t rc = dnnl_dilated_convolution_forward_desc_init(
		&d, kind, dnnl_convolution_direct, c->src, c->weights, c->bias, c->dst, c->stride,
		c->dilation, c->pad_l, c->pad_r);

	return rc ? rc : dnnl_primitive_desc_create(pd, &d, c->attr, engine, NULL);
}

static inline dnnl_status_t dnnl_conv_data(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
					   const struct dnnl_conv *c, dnnl_primitive_desc_t forward)
{
	dnnl_convolution_desc_t d;
	dnnl_status_t rc = dnnl_dilated_convolution_backward_data_desc_init(
		&d, dnnl_convolution_direct, c->src, c->weights, c->dst, c->stride, c->dilation,
		c->pad_l, c->pad_r);

	return rc ? rc : dnnl_primitive_desc_create(pd, &d, c->attr, engine, forward);
}

static inline dnnl_status_t dnnl_conv_weights(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
					      const struct dnnl_conv *c,
					      dnnl_primitive_desc_t forward)
{
	dnnl_convolution_desc_t d;
	dnnl_status_t rc = dnnl_dilated_convolution_backward_weights_desc_init(
		&d, dnnl_convolution_direct, c->src, c->weights, c->bias, c->dst, c->stride,
		c->dilation, c->pad_l, c->pad_r);

	return rc ? rc : dnnl_primitive_desc_create(pd, &d, c->attr, engine, forward);
}

#endif

#endif

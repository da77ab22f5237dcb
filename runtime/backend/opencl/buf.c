// SPDX-License-Identifier: Apache-2.0
/*
 * Buffers. A CPU device computes in the very memory that is mapped here, so a
 * buffer stays mapped and nothing is ever copied for the device's sake.
 */
#include "backend/opencl/opencl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* The tensor at one end of the network, or NULL when index is out of range. */
static const struct mea_cl_layout *end_layout(const struct mea_exec *e, bool input, int index)
{
	const struct mea_opencl_exec *x = (const struct mea_opencl_exec *)e;
	const struct mea_qnet *net = e->net;

	if (index < 0 || index >= (input ? net->n_inputs : net->n_outputs))
		return NULL;
	return &x->pack->tensors[input ? net->inputs[index] : net->outputs[index]];
}

int mea_opencl_buf_alloc(struct mea_exec *e, bool input, int index, struct mea_buf **out)
{
	const struct mea_cl_layout *l = end_layout(e, input, index);
	struct mea_opencl *o = ((struct mea_opencl_exec *)e)->o;
	struct mea_opencl_buf *buf;
	cl_int err;
	int rc = mea_opencl_check_process(o);

	if (rc)
		return rc;
	if (!l)
		return mea_fail(MEA_EINVAL, "the network has no %s %d", input ? "input" : "output",
				index);
	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return mea_nomem();
	buf->b = (struct mea_buf){.ops = e->ops, .c = l->c, .h = l->h, .w = l->w};
	buf->o = o;
	buf->layout = *l;
	rc = mea_opencl_memory(o, l->bytes, NULL, "a tensor", &buf->mem);
	if (!rc) {
		buf->map = mea_cl->clEnqueueMapBuffer(o->d.queue, buf->mem, CL_TRUE,
						      CL_MAP_READ | CL_MAP_WRITE, 0, l->bytes, 0,
						      NULL, NULL, &err);
		rc = mea_cl_check(err, "clEnqueueMapBuffer");
	}
	if (rc) {
		mea_opencl_buf_free(&buf->b);
		return rc;
	}
	memset(buf->map, l->border, l->bytes);
	*out = &buf->b;
	return 0;
}

void mea_opencl_buf_free(struct mea_buf *b)
{
	struct mea_opencl_buf *buf = (struct mea_opencl_buf *)b;

	if (!buf)
		return;
	if (buf->map && buf->o->pid == getpid()) {
		mea_cl->clEnqueueUnmapMemObject(buf->o->d.queue, buf->mem, buf->map, 0, NULL, NULL);
		mea_cl->clFinish(buf->o->d.queue);
	}
	if (buf->mem && buf->o->pid == getpid())
		mea_cl->clReleaseMemObject(buf->mem);
	free(buf);
}

bool mea_opencl_buf_fits(struct mea_exec *e, bool input, int index, const struct mea_buf *b)
{
	const struct mea_cl_layout *l = end_layout(e, input, index);
	const struct mea_opencl_buf *buf = (const struct mea_opencl_buf *)b;

	return l && b->ops == e->ops && buf->o == ((struct mea_opencl_exec *)e)->o &&
	       !memcmp(l, &buf->layout, sizeof(*l));
}

int mea_opencl_buf_write(struct mea_buf *b, const int8_t *nhwc)
{
	struct mea_opencl_buf *buf = (struct mea_opencl_buf *)b;

	mea_cl_layout_write(&buf->layout, nhwc, buf->map);
	return 0;
}

int mea_opencl_buf_read(struct mea_buf *b, int8_t *nhwc)
{
	struct mea_opencl_buf *buf = (struct mea_opencl_buf *)b;

	mea_cl_layout_read(&buf->layout, buf->map, nhwc);
	return 0;
}

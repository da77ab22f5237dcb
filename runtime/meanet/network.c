// SPDX-License-Identifier: Apache-2.0
/* One int8 network on tensors of any meaning: mea_network_*() of mea.h. */
#include "backend/registry.h"
#include "base/error.h"
#include "base/note.h"
#include "graph/graph.h"
#include "graph/lower.h"
#include "mea.h"

#include <stdlib.h>
#include <string.h>

#define ENDS 4 /* of a qnet, each way */

struct mea_network {
	struct mea_qnet *net;
	struct mea_backend *backend;
	const char *name;
	struct mea_exec *exec;
	struct mea_buf *in[ENDS], *out[ENDS];
	bool lost; /* a job never ended, and may still use the buffers */
};

static int load(const char *path, struct mea_qnet **out)
{
	struct mea_graph *g = NULL;
	int rc = mea_graph_load(path, NULL, &g);

	if (!rc)
		rc = mea_qnet_from_graph(g, out);
	if (!rc && (*out)->tail)
		rc = mea_fail(MEA_EUNSUPPORTED, "%s: its result is left in float, not int8", path);
	mea_graph_free(g);
	return rc;
}

/* Prepares the network on the first of n choices, with the help of later ones. */
static int prepare(struct mea_network *n, const struct mea_choice *choices, int n_choices)
{
	const struct mea_qnet *nets[] = {n->net};
	int rc = mea_choices_prepare(choices, n_choices, nets, NULL, 1, &n->backend, &n->exec,
				     &n->name);

	for (int i = 0; i < n->net->n_inputs && !rc; i++)
		rc = n->backend->ops->buf_alloc(n->exec, true, i, &n->in[i]);
	for (int i = 0; i < n->net->n_outputs && !rc; i++)
		rc = n->backend->ops->buf_alloc(n->exec, false, i, &n->out[i]);
	return rc;
}

static void unprepare(struct mea_network *n)
{
	/* The device might still write there. */
	if (!n->backend || n->lost)
		return;
	for (int i = 0; i < ENDS; i++) {
		if (n->in[i])
			n->backend->ops->buf_free(n->in[i]);
		if (n->out[i])
			n->backend->ops->buf_free(n->out[i]);
		n->in[i] = n->out[i] = NULL;
	}
	if (n->exec)
		n->backend->ops->release(n->exec);
	n->backend->ops->close(n->backend);
	n->exec = NULL;
	n->backend = NULL;
}

static int open_on(struct mea_network *n, const char *path, const struct mea_options *o)
{
	struct mea_choice choices[MEA_CHOICES_MAX];
	int count = mea_choices_parse(o->backends, o->device, choices), rc = 0;

	if (count <= 0)
		return count ? count : mea_fail(MEA_EINVAL, "no backend is given");
	for (int i = 0; i < count; i++) {
		rc = prepare(n, choices + i, count - i);
		if (!rc)
			return 0;
		unprepare(n);
		mea_fail_in(rc, "%s: backend %s", path, choices[i].ops->name);
		if (choices[i].required)
			break;
		mea_note("%s", mea_errmsg());
	}
	return rc;
}

int mea_network_open(const char *path, const struct mea_options *opt, struct mea_network **out)
{
	struct mea_options o = MEA_OPTIONS_INIT;
	struct mea_network *n = calloc(1, sizeof(*n));
	int rc;

	*out = NULL;
	if (!n)
		return mea_nomem();
	if (opt)
		memcpy(&o, opt, opt->size < sizeof(o) ? opt->size : sizeof(o));
	mea_note_to(o.note, o.note_ctx);
	rc = load(path, &n->net);
	if (!rc)
		rc = open_on(n, path, &o);
	mea_note_to(NULL, NULL);
	if (rc) {
		mea_network_close(n);
		return rc;
	}
	*out = n;
	return 0;
}

void mea_network_close(struct mea_network *n)
{
	if (!n)
		return;
	unprepare(n);
	/* A lost job's exec reads the network. */
	if (!n->lost)
		mea_qnet_free(n->net);
	free(n);
}

const char *mea_network_backend(const struct mea_network *n)
{
	return n->name;
}

static int tensor(const struct mea_qnet *net, const int *list, int n, int i,
		  struct mea_network_tensor *t)
{
	const struct mea_qtensor *q;

	if (i < 0 || i >= n)
		return mea_fail(MEA_ENOENT, "the network has no input or output %d", i);
	q = &net->tensors[list[i]];
	*t = (struct mea_network_tensor){q->name, q->h, q->w, q->c, q->scale, q->zero_point};
	return 0;
}

int mea_network_input(const struct mea_network *n, int i, struct mea_network_tensor *t)
{
	return tensor(n->net, n->net->inputs, n->net->n_inputs, i, t);
}

int mea_network_output(const struct mea_network *n, int i, struct mea_network_tensor *t)
{
	return tensor(n->net, n->net->outputs, n->net->n_outputs, i, t);
}

int mea_network_run(struct mea_network *n, const int8_t *const *in, int8_t *const *out,
		    struct mea_cost *cost)
{
	const struct mea_backend_ops *ops = n->backend->ops;
	struct mea_run_stats stats = {0};
	struct mea_job *job;
	int rc = n->lost ? mea_fail(MEA_ENODEV, "an earlier job did not end") : 0;

	for (int i = 0; i < n->net->n_inputs && !rc; i++)
		rc = ops->buf_write(n->in[i], in[i]);
	if (!rc)
		rc = ops->submit(n->exec, n->in, n->out, &job);
	if (rc)
		return rc;
	rc = ops->wait(job, -1, &stats);
	n->lost = rc == MEA_ETIMEDOUT;
	for (int i = 0; i < n->net->n_outputs && !rc; i++)
		rc = ops->buf_read(n->out[i], out[i]);
	if (cost)
		*cost = stats.cost;
	return rc;
}

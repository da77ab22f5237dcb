// SPDX-License-Identifier: Apache-2.0
/* mea run MODEL.onnx: one network on tensors from files. */
#include "base/clock.h"
#include "base/error.h"
#include "mea/files.h"
#include "mea/table.h"
#include "npy.h"
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDS 4

struct end {
	struct mea_network_tensor t;
	const char *path; /* NULL: an output that nobody wants */
	int8_t *values;
};

struct run_net {
	struct mea_network *n;
	struct end in[ENDS], out[ENDS];
	int n_in, n_out;
	bool real; /* an input holds real values, so outputs do; else they are int8 as computed */
	struct mea_cost cost;
};

static size_t elements(const struct mea_network_tensor *t)
{
	return (size_t)t->height * (size_t)t->width * (size_t)t->channels;
}

static int find_ends(struct mea_network *n,
		     int (*tensor)(const struct mea_network *, int, struct mea_network_tensor *),
		     struct end ends[ENDS], int *count)
{
	for (*count = 0; *count < ENDS && !tensor(n, *count, &ends[*count].t); ++*count) {
		ends[*count].values = malloc(elements(&ends[*count].t) + 1);
		if (!ends[*count].values)
			return mea_nomem();
	}
	return 0;
}

/* Each of the list's items is FILE, for the next end that has none, or NAME=FILE. */
static int assign(const struct option_list *list, const char *option, struct end *ends, int n)
{
	for (int i = 0; i < list->n; i++) {
		const char *item = list->items[i], *equals = strchr(item, '=');
		struct end *e = NULL;

		for (int k = 0; k < n && !e; k++) {
			size_t length = strlen(ends[k].t.name);

			if (equals ? length == (size_t)(equals - item) &&
					     !memcmp(ends[k].t.name, item, length)
				   : !ends[k].path)
				e = &ends[k];
		}
		if (!e)
			return mea_fail(MEA_EINVAL, "--%s %s: the model has no such tensor", option,
					item);
		if (e->path)
			return mea_fail(MEA_EINVAL, "--%s %s: has a file already", option, item);
		e->path = equals ? equals + 1 : item;
	}
	return 0;
}

/* Whether the array's shape is the tensor's as ONNX has it, channels first, ones in front or not.
 */
static bool same_shape(const struct npy *a, const struct mea_network_tensor *t)
{
	const size_t want[] = {(size_t)t->channels, (size_t)t->height, (size_t)t->width};
	bool vector = t->height == 1 && t->width == 1;
	int at = 0;

	while (a->rank - at > (vector ? 1 : 3) && a->dim[at] == 1)
		at++;
	if (vector && a->rank - at == 1)
		return a->dim[at] == want[0];
	return a->rank - at == 3 && !memcmp(&a->dim[at], want, sizeof(want));
}

/* The array's value as an int8 of the tensor: int8 as it is, real values rounded to even, as ONNX's
 * QuantizeLinear does. */
static int8_t quantised(const struct npy *a, size_t i, const struct mea_network_tensor *t)
{
	double v = npy_at(a, i);

	if (a->type != NPY_I8)
		v = nearbyint(v / (double)t->scale) + t->zero_point;
	return (int8_t)fmax(-128, fmin(isnan(v) ? t->zero_point : v, 127));
}

static int read_input(struct run_net *r, struct end *e)
{
	const struct mea_network_tensor *t = &e->t;
	size_t area = (size_t)t->height * (size_t)t->width;
	struct npy a;
	int rc;

	if (!e->path)
		return mea_fail(MEA_EINVAL, "input %s (%d x %d x %d) has no file: --input FILE.npy",
				t->name, t->channels, t->height, t->width);
	rc = npy_read(e->path, &a);
	if (rc)
		return rc;
	if (!same_shape(&a, t)) {
		npy_free(&a);
		return mea_fail(MEA_EINVAL, "%s: has another shape than 1x%dx%dx%d of input %s",
				e->path, t->channels, t->height, t->width, t->name);
	}
	r->real |= a.type != NPY_I8;
	for (size_t i = 0; i < a.n; i++)
		e->values[i % area * (size_t)t->channels + i / area] = quantised(&a, i, t);
	npy_free(&a);
	return 0;
}

static int write_output(const struct run_net *r, const struct end *e)
{
	const struct mea_network_tensor *t = &e->t;
	size_t n = elements(t), area = (size_t)t->height * (size_t)t->width;
	struct npy a = {.type = r->real ? NPY_F32 : NPY_I8, .n = n};
	int rc;

	if (!e->path)
		return 0;
	a.rank = area == 1 ? 2 : 4;
	memcpy(a.dim, (size_t[]){1, (size_t)t->channels, (size_t)t->height, (size_t)t->width},
	       4 * sizeof(size_t));
	a.data = malloc(n * sizeof(float) + 1);
	if (!a.data)
		return mea_nomem();
	for (size_t i = 0; i < n; i++) {
		int8_t q = e->values[i % area * (size_t)t->channels + i / area];

		if (r->real)
			((float *)a.data)[i] = t->scale * (float)(q - t->zero_point);
		else
			((int8_t *)a.data)[i] = q;
	}
	rc = npy_write(e->path, &a);
	npy_free(&a);
	return rc;
}

/* Once in each period, on the same inputs. */
static int run_periods(struct run_net *r, struct period *p, size_t n, const int8_t *const *in,
		       int8_t *const *out)
{
	int rc = period_start(p, n);

	p->no_exit = true;
	for (size_t i = 0; i < n && !rc && !(i && tool_interrupted()); i++) {
		struct mea_result res = {.tag = i};
		double start;

		period_wait(p, i);
		period_submit(p, i);
		start = mea_now_ms();
		rc = mea_network_run(r->n, in, out, &r->cost);
		res.latency_ms = res.service_ms = mea_now_ms() - start;
		res.cost[MEA_EXIT_MAIN] = r->cost;
		if (!rc)
			period_answer(p, &res);
	}
	return rc;
}

static int compute(struct run_net *r, const struct run_network_args *a)
{
	const int8_t *in[ENDS];
	int8_t *out[ENDS];
	int rc = 0;

	for (int i = 0; i < r->n_in && !rc; i++) {
		rc = read_input(r, &r->in[i]);
		in[i] = r->in[i].values;
	}
	for (int i = 0; i < r->n_out; i++)
		out[i] = r->out[i].values;
	if (!rc && a->period->ms > 0)
		rc = run_periods(r, a->period, a->periods, in, out);
	else if (!rc)
		rc = mea_network_run(r->n, in, out, &r->cost);
	for (int i = 0; i < r->n_out && !rc; i++)
		rc = write_output(r, &r->out[i]);
	return rc;
}

static void print_text(const struct run_net *r, const struct run_network_args *a)
{
	const struct mea_cost *c = &r->cost;

	printf("%s, backend %s\n", a->path, mea_network_backend(r->n));
	for (int i = 0; i < r->n_out; i++) {
		const struct end *e = &r->out[i];

		printf("output %s, 1x%dx%dx%d%s%s\n", e->t.name, e->t.channels, e->t.height,
		       e->t.width, e->path ? ": " : "", e->path ? e->path : "");
	}
	printf("%.3f MMAC", (double)c->macs * 1e-6);
	if (c->cycles)
		printf(", %llu cycles, %.1f %% of the array; %.3f ms at %g MHz",
		       (unsigned long long)c->cycles, 100 * (double)c->macs / (double)c->peak_macs,
		       (double)c->cycles / a->clock_mhz * 1e-3, a->clock_mhz);
	else
		printf(", %.3f ms", c->ms);
	putchar('\n');
	if (a->period->ms > 0)
		period_print(a->period, c->sim_ms > 0, table_width(false));
}

static json_t *outputs_json(const struct run_net *r)
{
	json_t *list = json_array();

	for (int i = 0; i < r->n_out; i++) {
		const struct end *e = &r->out[i];

		json_array_append_new(list, json_pack("{s:o, s:[i,i,i], s:o}", "name",
						      tool_text(e->t.name), "shape", e->t.channels,
						      e->t.height, e->t.width, "file",
						      e->path ? tool_text(e->path) : json_null()));
	}
	return list;
}

static int print_json(const struct run_net *r, const struct run_network_args *a)
{
	const struct mea_cost *c = &r->cost;
	double cycles = c->cycles ? (double)c->cycles : NAN;
	json_t *o = json_pack("{s:o, s:s, s:o, s:I, s:o, s:o, s:o, s:f}", "model",
			      tool_text(a->path), "backend", mea_network_backend(r->n), "outputs",
			      outputs_json(r), "macs", (json_int_t)c->macs, "cycles",
			      tool_real_json(cycles), "utilisation",
			      tool_ratio_json((double)c->macs, (double)c->peak_macs), "ms_at_clock",
			      tool_real_json(cycles / a->clock_mhz * 1e-3), "ms", c->ms);

	if (a->period->ms > 0)
		json_object_set_new(o, "period", period_json(a->period));
	return tool_print_json(o);
}

int run_network(const struct run_network_args *args)
{
	struct run_net r = {0};
	int rc = mea_network_open(args->path, &args->open, &r.n);

	if (!rc)
		rc = find_ends(r.n, mea_network_input, r.in, &r.n_in);
	if (!rc)
		rc = find_ends(r.n, mea_network_output, r.out, &r.n_out);
	if (!rc)
		rc = assign(args->inputs, "input", r.in, r.n_in);
	if (!rc)
		rc = assign(args->outputs, "output", r.out, r.n_out);
	if (!rc)
		rc = compute(&r, args);
	if (!rc && args->json)
		rc = print_json(&r, args);
	else if (!rc)
		print_text(&r, args);
	rc = rc ? tool_fail() : tool_interrupted() ? TOOL_INTERRUPTED : TOOL_OK;
	for (int i = 0; i < ENDS; i++) {
		free(r.in[i].values);
		free(r.out[i].values);
	}
	mea_network_close(r.n);
	return rc;
}

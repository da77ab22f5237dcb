// SPDX-License-Identifier: Apache-2.0
/* Counters for people and machines: Triton's statistics and Prometheus' text. */
#include "serve/exchange.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *duration(const struct mea_duration *d)
{
	return json_pack("{s:I, s:I}", "count", (json_int_t)d->count, "ns", (json_int_t)d->ns);
}

json_t *mea_stats_json(struct mea_served *m)
{
	struct mea_served_stats st;
	json_t *batches = json_array(), *inference;

	mea_served_stats(m, &st);
	for (int i = 1; i <= MEA_BATCH_MAX; i++)
		if (st.batch[i].count)
			json_array_append_new(batches,
					      json_pack("{s:i, s:o}", "batch_size", i,
							"compute_infer", duration(&st.batch[i])));
	inference = json_pack("{s:o, s:o, s:o, s:o}", "success", duration(&st.success), "fail",
			      duration(&st.fail), "queue", duration(&st.queue), "compute_infer",
			      duration(&st.compute));
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o}", "name", mea_served_name(m),
			 "version", mea_served_version(m), "last_inference", (json_int_t)st.last_ms,
			 "inference_count", (json_int_t)st.inferences, "execution_count",
			 (json_int_t)st.executions, "inference_stats", inference, "batch_stats",
			 batches);
}

/* --- Prometheus --------------------------------------------------------------------- */

static uint64_t v_success(const struct mea_served_stats *st)
{
	return st->success.count;
}

static uint64_t v_fail(const struct mea_served_stats *st)
{
	return st->fail.count;
}

static uint64_t v_rejected(const struct mea_served_stats *st)
{
	return st->rejected;
}

static uint64_t v_expired(const struct mea_served_stats *st)
{
	return st->expired;
}

static uint64_t v_abandoned(const struct mea_served_stats *st)
{
	return st->abandoned;
}

static uint64_t v_inferences(const struct mea_served_stats *st)
{
	return st->inferences;
}

static uint64_t v_executions(const struct mea_served_stats *st)
{
	return st->executions;
}

static uint64_t v_queue(const struct mea_served_stats *st)
{
	return st->queue.ns;
}

static uint64_t v_compute(const struct mea_served_stats *st)
{
	return st->compute.ns;
}

static uint64_t v_waiting(const struct mea_served_stats *st)
{
	return (uint64_t)st->waiting;
}

static const struct {
	const char *name, *type, *help;
	uint64_t (*value)(const struct mea_served_stats *st);
	bool seconds; /* the value is ns */
} rows[] = {
	{"mea_inference_request_success_total", "counter", "Answered infer requests.", v_success,
	 false},
	{"mea_inference_request_failure_total", "counter", "Infer requests that failed.", v_fail,
	 false},
	{"mea_inference_request_rejected_total", "counter",
	 "Of these, refused for others' sake: no room or time.", v_rejected, false},
	{"mea_inference_request_expired_total", "counter",
	 "Of these, over their timeout, or without the time to meet it.", v_expired, false},
	{"mea_inference_request_abandoned_total", "counter", "Of these, left by their client.",
	 v_abandoned, false},
	{"mea_inference_count_total", "counter", "Items computed.", v_inferences, false},
	{"mea_inference_exec_count_total", "counter", "Runs of the model.", v_executions, false},
	{"mea_inference_queue_seconds_total", "counter", "Time of requests in the queue.", v_queue,
	 true},
	{"mea_inference_compute_seconds_total", "counter", "Time of the model's runs.", v_compute,
	 true},
	{"mea_inference_pending_requests", "gauge", "Requests in the queue now.", v_waiting, false},
};

struct page {
	FILE *f;
	size_t row;
};

/* Quotes and backslashes of a label's value. */
static void put_label(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
}

static void put_model(struct mea_served *m, void *ctx)
{
	struct page *p = ctx;
	struct mea_served_stats st;
	uint64_t v;

	mea_served_stats(m, &st);
	v = rows[p->row].value(&st);
	fprintf(p->f, "%s{model=\"", rows[p->row].name);
	put_label(p->f, mea_served_name(m));
	fprintf(p->f, "\",version=\"%s\"} ", mea_served_version(m));
	if (rows[p->row].seconds)
		fprintf(p->f, "%.9f\n", (double)v * 1e-9);
	else
		fprintf(p->f, "%" PRIu64 "\n", v);
}

static void put_engine(struct mea_served *m, void *ctx)
{
	const char *slow, *engine = mea_served_engine(m, &slow);
	struct page *p = ctx;

	fputs("mea_model_info{model=\"", p->f);
	put_label(p->f, mea_served_name(m));
	fprintf(p->f, "\",version=\"%s\",engine=\"%s\"} 1\n", mea_served_version(m), engine);
}

static void put_own(FILE *f, const char *name, const char *type, const char *help, uint64_t v)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name, v);
}

char *mea_metrics_text(struct mea_server *s)
{
	uint64_t now, cut;
	char *text = NULL;
	size_t size;
	struct page p = {.f = open_memstream(&text, &size)};

	if (!p.f)
		return NULL;
	for (; p.row < sizeof(rows) / sizeof(rows[0]); p.row++) {
		fprintf(p.f, "# HELP %s %s\n# TYPE %s %s\n", rows[p.row].name, rows[p.row].help,
			rows[p.row].name, rows[p.row].type);
		mea_repository_each(s->repository, put_model, &p);
	}
	fputs("# HELP mea_model_info What computes the model.\n# TYPE mea_model_info gauge\n", p.f);
	mea_repository_each(s->repository, put_engine, &p);
	mea_timeouts_counts(s->timeouts, &now, &cut);
	put_own(p.f, "mea_http_connections", "gauge", "Connections now.", now);
	put_own(p.f, "mea_http_connections_cut_total", "counter",
		"Connections cut off for taking too long to send a request.", cut);
	put_own(p.f, "mea_http_requests_total", "counter", "Requests of any kind.",
		__atomic_load_n(&s->count.requests, __ATOMIC_RELAXED));
	put_own(p.f, "mea_http_errors_total", "counter", "Answers with a status of 400 or more.",
		__atomic_load_n(&s->count.errors, __ATOMIC_RELAXED));
	put_own(p.f, "mea_http_oversized_total", "counter", "Requests cut off for their size.",
		__atomic_load_n(&s->count.oversized, __ATOMIC_RELAXED));
	put_own(p.f, "mea_http_address_limited_total", "counter",
		"Connections and bodies refused because their address has its share.",
		__atomic_load_n(&s->count.address_limited, __ATOMIC_RELAXED));
	put_own(p.f, "mea_http_unauthorised_total", "counter",
		"Requests without the client certificate that is asked for.",
		__atomic_load_n(&s->count.unauthorised, __ATOMIC_RELAXED));
	if (fclose(p.f)) {
		free(text);
		return NULL;
	}
	return text;
}

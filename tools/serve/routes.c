// SPDX-License-Identifier: Apache-2.0
/* The answers that need no computing. */
#include "serve/exchange.h"

#include "base/error.h"
#include "mea/tool.h"

#include <stdlib.h>
#include <string.h>

/* --- answers ------------------------------------------------------------------------- */

struct mea_answer mea_answer_json(unsigned status, json_t *value)
{
	struct mea_answer a = {
		.status = status, .type = "application/json", .json_bytes = MEA_OIP_ALL_JSON};
	char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

	json_decref(value);
	if (!text) {
		a.status = MHD_HTTP_INTERNAL_SERVER_ERROR;
		text = strdup("{\"error\":\"out of memory\"}");
	}
	a.body = text;
	a.size = text ? strlen(text) : 0;
	return a;
}

static unsigned status_of(int error)
{
	switch (error) {
	case MEA_ENOENT:
		return MHD_HTTP_NOT_FOUND;
	case MEA_EBUSY:
	case MEA_ETIMEDOUT:
	case MEA_ENODEV:
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	case MEA_EUNSUPPORTED:
		return MHD_HTTP_NOT_IMPLEMENTED;
	case MEA_EINVAL:
		return MHD_HTTP_BAD_REQUEST;
	}
	return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

/* Text of strangers may be no UTF-8, which JSON must be. */
static json_t *sentence_json(const char *sentence)
{
	json_t *s = json_string(sentence);
	char ascii[512];
	size_t n = 0;

	if (s)
		return s;
	for (; n < sizeof(ascii) - 1 && sentence[n]; n++)
		ascii[n] = sentence[n] & 0x80 ? '?' : sentence[n];
	ascii[n] = 0;
	return json_string(ascii);
}

struct mea_answer mea_answer_error(int error, const char *sentence)
{
	struct mea_answer a = mea_answer_json(status_of(error),
					      json_pack("{s:o}", "error", sentence_json(sentence)));

	a.retry_later = error == MEA_EBUSY;
	return a;
}

static struct mea_answer health(bool good)
{
	return (struct mea_answer){.status = good ? MHD_HTTP_OK : MHD_HTTP_BAD_REQUEST,
				   .json_bytes = MEA_OIP_ALL_JSON};
}

static json_t *server_metadata(void)
{
	return json_pack("{s:s, s:s, s:[s, s, s, s, s]}", "name", "mea", "version", MEA_VERSION,
			 "extensions", MEA_OIP_BINARY, "schedule_policy", "statistics",
			 "model_repository(index)", MEA_OIP_PNG);
}

static void collect_stats(struct mea_served *m, void *ctx)
{
	json_array_append_new(ctx, mea_stats_json(m));
}

static struct mea_answer stats_of_all(struct mea_exchange *x)
{
	json_t *list = json_array();

	mea_repository_each(x->server->repository, collect_stats, list);
	return mea_answer_json(MHD_HTTP_OK, json_pack("{s:o}", "model_stats", list));
}

static struct mea_answer metrics(struct mea_exchange *x)
{
	char *text = mea_metrics_text(x->server);

	if (!text)
		return mea_answer_error(MEA_ENOMEM, "out of memory");
	return (struct mea_answer){.status = MHD_HTTP_OK,
				   .type = "text/plain; version=0.0.4",
				   .body = text,
				   .size = strlen(text),
				   .json_bytes = MEA_OIP_ALL_JSON};
}

static struct mea_answer of_model(struct mea_exchange *x, struct mea_served *m)
{
	json_t *o;

	if (x->path.route == MEA_ROUTE_MODEL_READY)
		return health(true);
	if (x->path.route == MEA_ROUTE_MODEL_STATS)
		o = json_pack("{s:[o]}", "model_stats", mea_stats_json(m));
	else
		o = mea_oip_metadata(mea_served_name(m), mea_served_platform(m), mea_served_io(m),
				     mea_repository_versions(x->server->repository,
							     mea_served_name(m)));
	return mea_answer_json(MHD_HTTP_OK, o);
}

static struct mea_answer model(struct mea_exchange *x)
{
	const struct mea_path *p = &x->path;
	struct mea_served *m = mea_repository_find(x->server->repository, p->model,
						   p->version[0] ? p->version : NULL);
	struct mea_answer a;

	if (!m)
		return mea_answer_error(MEA_ENOENT, mea_errmsg());
	a = of_model(x, m);
	mea_served_put(m);
	return a;
}

static struct mea_answer wrong_method(const char *allow)
{
	struct mea_answer a = mea_answer_error(MEA_EINVAL, "this path does not take this method");

	a.status = MHD_HTTP_METHOD_NOT_ALLOWED;
	a.allow = allow;
	return a;
}

struct mea_answer mea_answer_get(struct mea_exchange *x)
{
	enum mea_route route = x->path.route;

	if (route == MEA_ROUTE_INFER)
		return wrong_method("POST");
	/* The index extension asks by POST. */
	if (route == MEA_ROUTE_INDEX && x->method == MEA_OTHER_METHOD)
		return wrong_method("GET, POST");
	if (route != MEA_ROUTE_NONE && route != MEA_ROUTE_INDEX && x->method != MEA_GET)
		return wrong_method("GET");
	switch (route) {
	case MEA_ROUTE_SERVER:
		return mea_answer_json(MHD_HTTP_OK, server_metadata());
	case MEA_ROUTE_LIVE:
		return health(true);
	case MEA_ROUTE_READY:
		return health(!__atomic_load_n(&x->server->draining, __ATOMIC_RELAXED));
	case MEA_ROUTE_MODEL:
	case MEA_ROUTE_MODEL_READY:
	case MEA_ROUTE_MODEL_STATS:
		return model(x);
	case MEA_ROUTE_ALL_STATS:
		return stats_of_all(x);
	case MEA_ROUTE_INDEX:
		return mea_answer_json(MHD_HTTP_OK, mea_repository_index(x->server->repository));
	case MEA_ROUTE_METRICS:
		return metrics(x);
	default:
		return mea_answer_error(MEA_ENOENT, "there is nothing at this path");
	}
}

// SPDX-License-Identifier: Apache-2.0
/*
 * The servers: which to ask, which to leave alone, and how one comes back. A server is asked
 * once a probe at it (is it ready, what can it, what is its model) went well. Failures in a row
 * end that; the next probe comes after a time that doubles until a request is answered.
 */
#include "offload/client_internal.h"

#include "base/clock.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_FAILURES   3
#define LOOK_LIMIT_MS  2000
#define BACKOFF_MS     100
#define BACKOFF_MAX_MS 5000

/* --- addresses ------------------------------------------------------------------------- */

/* The model that u's path names, opt's when it names none. */
static int parse_model(const struct mea_cloud *c, CURLU *u, const char *url, char **model)
{
	char *path = NULL, *name = NULL;
	int rc = 0;

	if (curl_url_get(u, CURLUPART_PATH, &path, 0))
		return mea_nomem();
	if (!strcmp(path, "/")) {
		name = curl_easy_escape(NULL, c->opt.model, 0);
		if (!name || asprintf(model, "/v2/models/%s", name) < 0)
			*model = NULL;
		curl_free(name);
	} else if (strncmp(path, "/v2/models/", 11) || !path[11]) {
		rc = mea_fail(MEA_EINVAL,
			      "cloud: '%.200s': the path is not /v2/models/NAME[/versions/N]", url);
	} else {
		*model = strdup(path);
	}
	curl_free(path);
	return rc || *model ? rc : mea_nomem();
}

/* Whether u's host is this machine: localhost, 127.0.0.0/8 or ::1. */
static bool is_loopback(CURLU *u)
{
	struct in_addr four;
	struct in6_addr six;
	char *host = NULL, *end;
	bool yes;

	if (curl_url_get(u, CURLUPART_HOST, &host, 0))
		return false;
	end = host + strlen(host);
	if (*host == '[' && end[-1] == ']') {
		end[-1] = 0;
		yes = inet_pton(AF_INET6, host + 1, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
	} else if (inet_pton(AF_INET, host, &four) == 1) {
		yes = ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
	} else {
		if (end > host && end[-1] == '.')
			*--end = 0;
		yes = !strcasecmp(host, "localhost") ||
		      (end - host > 10 && !strcasecmp(end - 10, ".localhost"));
	}
	curl_free(host);
	return yes;
}

/* u without its path and query. */
static int parse_base(CURLU *u, const char *url, char **base)
{
	char *text = NULL;

	if (curl_url_set(u, CURLUPART_PATH, NULL, 0) || curl_url_set(u, CURLUPART_QUERY, NULL, 0) ||
	    curl_url_get(u, CURLUPART_URL, &text, 0))
		return mea_fail(MEA_EINVAL, "cloud: '%.200s' is no URL", url);
	*base = strdup(text);
	curl_free(text);
	if (!*base)
		return mea_nomem();
	if ((*base)[strlen(*base) - 1] == '/')
		(*base)[strlen(*base) - 1] = 0;
	if (strncmp(*base, "http://", 7) && strncmp(*base, "https://", 8))
		return mea_fail(MEA_EINVAL, "cloud: '%.200s': only http and https are known", url);
	return 0;
}

/* Takes "scheme://host:port[/v2/models/NAME[/versions/N]]" apart. */
static int parse_url(struct mea_cloud *c, const char *url, struct endpoint *e)
{
	CURLU *u = curl_url();
	int rc = 0;

	if (!u || curl_url_set(u, CURLUPART_URL, url, 0))
		rc = mea_fail(MEA_EINVAL, "cloud: '%.200s' is no URL such as http://host:8000",
			      url);
	if (!rc)
		rc = parse_model(c, u, url, &e->model);
	e->loopback = !rc && is_loopback(u);
	if (!rc)
		rc = parse_base(u, url, &e->base);
	if (!rc && strlen(e->base) + strlen(e->model) > 900)
		rc = mea_fail(MEA_EINVAL, "cloud: '%.200s...' is too long", url);
	curl_url_cleanup(u);
	return rc;
}

int mea_endpoints_parse(struct mea_cloud *c)
{
	char *list = strdup(c->opt.urls), *save = NULL;
	int rc = 0;

	if (!list)
		return mea_nomem();
	for (char *u = strtok_r(list, ",", &save); u && !rc; u = strtok_r(NULL, ",", &save)) {
		if (c->n == ENDPOINTS_MAX)
			rc = mea_fail(MEA_EINVAL, "cloud: more than %d servers", ENDPOINTS_MAX);
		else
			rc = parse_url(c, u, &c->endpoints[c->n++]);
	}
	free(list);
	if (!rc && !c->n)
		rc = mea_fail(MEA_EINVAL, "cloud: '%s' names no server", c->opt.urls);
	c->unknown = c->n;
	return rc;
}

/* --- choice ----------------------------------------------------------------------------- */

struct endpoint *mea_endpoint_choose(struct mea_cloud *c, const struct endpoint * not )
{
	struct endpoint *best = NULL;

	for (int i = 0; i < c->n; i++) {
		struct endpoint *e = &c->endpoints[i];

		if (e->state != ENDPOINT_UP)
			continue;
		if (!best || (best == not &&e != not ) ||
		    ((e != not || best == not ) && e->outstanding < best->outstanding))
			best = e;
	}
	return best;
}

/* --- state ------------------------------------------------------------------------------ */

static void note(struct mea_cloud *c, const struct endpoint *e, const char *what)
{
	char text[512];

	if (!c->opt.note)
		return;
	snprintf(text, sizeof(text), "cloud %s: %s", e->base, what);
	c->opt.note(text, c->opt.note_ctx);
}

/* Tells other threads whether anybody can be asked, and that a probe is over. */
static void publish(struct mea_cloud *c)
{
	const char *missed = "not reachable";
	const struct endpoint *misfit = NULL;
	int unknown = 0;

	for (int i = 0; i < c->n; i++) {
		if (c->endpoints[i].state == ENDPOINT_MISFIT)
			misfit = &c->endpoints[i];
		if (misfit && missed)
			missed = "has another model";
		if (c->endpoints[i].state == ENDPOINT_UP)
			missed = NULL;
		unknown += c->endpoints[i].state == ENDPOINT_NEW;
	}
	pthread_mutex_lock(&c->lock);
	c->misfit[0] = 0;
	if (misfit)
		snprintf(c->misfit, sizeof(c->misfit), "cloud %s%s: %s", misfit->base,
			 misfit->model, misfit->reason);
	c->missed = missed;
	c->unknown = unknown;
	pthread_cond_broadcast(&c->probed);
	pthread_mutex_unlock(&c->lock);
}

static void set_down(struct mea_cloud *c, struct endpoint *e, enum endpoint_state state,
		     const char *reason)
{
	/* A server that stays away is told of once. */
	if (e->state != state)
		note(c, e, reason);
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
	e->state = state;
	e->backoff_ms = e->backoff_ms > 0 ? e->backoff_ms * 2 : BACKOFF_MS;
	if (e->backoff_ms > BACKOFF_MAX_MS)
		e->backoff_ms = BACKOFF_MAX_MS;
	e->retry_ms = mea_now_ms() + e->backoff_ms;
	publish(c);
}

static void set_up(struct mea_cloud *c, struct endpoint *e)
{
	bool back = e->state != ENDPOINT_NEW;

	e->state = ENDPOINT_UP;
	/* Half open: until a request is answered, one failure is enough. */
	e->failures = back ? MAX_FAILURES - 1 : 0;
	if (back)
		note(c, e, "is back");
	/* What was late then says nothing of the way there is now. */
	if (e->away)
		c->cwnd = (struct mea_cwnd)MEA_CWND_INIT;
	e->away = false;
	publish(c);
}

void mea_endpoint_good(struct endpoint *e)
{
	e->failures = 0;
	e->backoff_ms = 0;
}

void mea_endpoint_bad(struct mea_cloud *c, struct endpoint *e, const char *reason)
{
	e->failures++;
	if (e->state == ENDPOINT_UP && e->failures >= MAX_FAILURES)
		set_down(c, e, ENDPOINT_DOWN, reason);
}

/* --- probes ------------------------------------------------------------------------------- */

static void probe(struct mea_cloud *c, struct endpoint *e, enum probe_step step)
{
	static const char *const paths[] = {"/v2/health/ready", "/v2", NULL};

	e->step = step;
	if (mea_transfer_get(c, e, paths[step] ? paths[step] : e->model, LOOK_LIMIT_MS,
			     &e->probe)) {
		e->probe = NULL;
		set_down(c, e, ENDPOINT_DOWN, mea_errmsg());
	}
}

double mea_endpoints_probe(struct mea_cloud *c)
{
	double now = mea_now_ms(), next = 1e9;

	for (int i = 0; i < c->n; i++) {
		struct endpoint *e = &c->endpoints[i];

		if (e->state == ENDPOINT_UP || e->probe)
			continue;
		if (e->retry_ms <= now)
			probe(c, e, PROBE_READY);
		else if (e->retry_ms - now < next)
			next = e->retry_ms - now;
	}
	return next;
}

static int read_server(struct endpoint *e, const struct transfer *t)
{
	json_t *doc = mea_oip_json(t->in, t->in_size, "server metadata"), *v;
	size_t i;

	if (!doc)
		return MEA_EINVAL;
	e->binary = e->png = false;
	json_array_foreach(json_object_get(doc, "extensions"), i, v)
	{
		e->binary |= json_is_string(v) && !strcmp(json_string_value(v), MEA_OIP_BINARY);
		e->png |= json_is_string(v) && !strcmp(json_string_value(v), MEA_OIP_PNG);
	}
	json_decref(doc);
	return 0;
}

static int read_model(struct mea_cloud *c, struct endpoint *e, const struct transfer *t)
{
	json_t *doc = mea_oip_json(t->in, t->in_size, "model metadata");
	int rc;

	if (!doc)
		return MEA_EINVAL;
	rc = mea_oip_target_parse(doc, &c->opt.item, c->opt.classes, e->binary, &e->target);
	if (!rc && c->opt.png && e->png)
		e->target.form = MEA_FORM_PNG;
	json_decref(doc);
	return rc;
}

/* What one step's answer says: 0 go on, or an error with its sentence. */
static int judge(struct mea_cloud *c, struct endpoint *e, const struct transfer *t, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code)
		return mea_fail(MEA_ECLOUD, "%s",
				t->error[0] ? t->error : curl_easy_strerror(code));
	if (status == 404 && e->step == PROBE_MODEL)
		return mea_fail(MEA_EINVAL, "has no %s", e->model);
	if (status != 200)
		return mea_fail(MEA_ECLOUD, "%s",
				e->step == PROBE_READY ? "says that it is not ready"
						       : "does not tell about itself");
	if (e->step == PROBE_SERVER)
		return read_server(e, t);
	return e->step == PROBE_MODEL ? read_model(c, e, t) : 0;
}

void mea_endpoint_probed(struct mea_cloud *c, struct transfer *t, CURLcode code)
{
	struct endpoint *e = t->endpoint;
	int rc = judge(c, e, t, code);

	e->probe = NULL;
	mea_transfer_end(c, t);
	e->away |= rc != 0;
	if (rc)
		set_down(c, e, rc == MEA_EINVAL ? ENDPOINT_MISFIT : ENDPOINT_DOWN, mea_errmsg());
	else if (e->step == PROBE_MODEL)
		set_up(c, e);
	else
		probe(c, e, e->step + 1);
}

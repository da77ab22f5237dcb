// SPDX-License-Identifier: Apache-2.0
/* An infer request: from the body to the model's queue, and from there to the answer. */
#include "serve/exchange.h"

#include "base/error.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a body that are parsed in the thread of all connections: a fraction of a millisecond. */
#define READ_AT_ONCE (32u << 10)

static const char *header(struct mea_exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

/* From the model's thread: the connection goes on with answer(). */
static void done(struct mea_served_request *request)
{
	struct mea_exchange *x =
		(struct mea_exchange *)((char *)request - offsetof(struct mea_exchange, request));

	struct mea_server *s = x->server;

	/* From here on x may be gone at any time. */
	MHD_resume_connection(x->connection);
	__atomic_sub_fetch(&s->at_models, 1, __ATOMIC_RELEASE);
}

/* Whether the client has closed its end. One that only shut its sending side down, which HTTP knows
 * no use for, is taken for gone too. */
static bool gone(const struct mea_queued *w)
{
	const struct mea_exchange *x =
		(const struct mea_exchange *)((const char *)w -
					      offsetof(struct mea_exchange, request.wait));
	struct tcp_info i;
	socklen_t size = sizeof(i);

	return !getsockopt(x->peer->fd, IPPROTO_TCP, TCP_INFO, &i, &size) &&
	       i.tcpi_state != TCP_ESTABLISHED;
}

/* The deadline from the request, or, as a raw body has no place for one, from a header. */
static int set_deadline(struct mea_exchange *x)
{
	const char *text = header(x, "timeout");
	uint64_t us = x->request.req.timeout_us;

	if (text && !us) {
		long long v = mea_oip_length(text);

		if (v < 0)
			return mea_fail(MEA_EINVAL,
					"header timeout must be a whole number of microseconds");
		us = (uint64_t)v;
	}
	/* A time so long that it would overflow is none. */
	if (us && us < UINT64_MAX / 2000 - x->begun_ns)
		x->request.wait.deadline_ns = x->begun_ns + us * 1000;
	return 0;
}

static int parse(struct mea_exchange *x)
{
	const char *length = header(x, MEA_OIP_JSON_LENGTH);
	const char *type = header(x, MHD_HTTP_HEADER_CONTENT_TYPE);
	const char *encoding = header(x, MHD_HTTP_HEADER_CONTENT_ENCODING);
	long long json = length ? mea_oip_length(length) : MEA_OIP_ALL_JSON;
	int rc;

	if (encoding && strcmp(encoding, "identity"))
		return mea_fail(MEA_EUNSUPPORTED, "Content-Encoding '%.40s' is not taken here",
				encoding);
	if (length && json < 0)
		return mea_fail(MEA_EINVAL, "%s: '%.40s' is no number of bytes",
				MEA_OIP_JSON_LENGTH, length);
	if (json == 0 && type && !strcmp(type, MEA_OIP_PNG_TYPE))
		rc = mea_oip_request_png(mea_served_io(x->model), x->body, x->size,
					 &x->request.req);
	else
		rc = mea_oip_request_parse(mea_served_io(x->model), mea_served_max_items(x->model),
					   x->body, x->size, json, &x->request.req);
	return rc ? rc : set_deadline(x);
}

void mea_infer_read(struct mea_exchange *x)
{
	int rc = parse(x);

	if (rc)
		mea_served_count_failure(x->model);
	else
		rc = mea_served_submit(x->model, &x->request);
	if (!rc)
		return;
	x->request.rc = rc;
	snprintf(x->request.text, sizeof(x->request.text), "%s", mea_errmsg());
	done(&x->request);
}

int mea_infer_begin(struct mea_exchange *x)
{
	struct mea_server *s = x->server;

	__atomic_add_fetch(&s->at_models, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&s->stopping, __ATOMIC_SEQ_CST)) {
		__atomic_sub_fetch(&s->at_models, 1, __ATOMIC_RELEASE);
		x->request.rc = MEA_ENODEV;
		snprintf(x->request.text, sizeof(x->request.text), "the server is going down");
		return MEA_ENODEV;
	}
	x->request.done = done;
	x->request.wait.gone = gone;
	/* Before anything is begun, since it may be done at once. */
	MHD_suspend_connection(x->connection);
	if (x->size > READ_AT_ONCE)
		mea_readers_add(s->readers, x);
	else
		mea_infer_read(x);
	return 0;
}

struct mea_answer mea_infer_answer(struct mea_exchange *x)
{
	struct mea_served_request *request = &x->request;
	struct mea_answer a = {.status = MHD_HTTP_OK};
	int rc = request->rc;

	if (rc) {
		a = mea_answer_error(rc, request->text);
		a.retry_later |= request->wait.fate == MEA_LATE && request->wait.missing_ns;
		a.retry_ms = (request->wait.missing_ns + 999999) / 1000000;
		return a;
	}
	mea_served_answered(x->model, request);
	rc = mea_oip_response(mea_served_name(x->model), mea_served_version(x->model),
			      mea_served_io(x->model), &request->req, request->out, &a.body,
			      &a.size, &a.json_bytes);
	if (rc)
		return mea_answer_error(rc, mea_errmsg());
	a.type = a.json_bytes < 0 ? "application/json" : "application/octet-stream";
	return a;
}

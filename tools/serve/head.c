// SPDX-License-Identifier: Apache-2.0
/*
 * What a request's head decides, before any byte of its body is read: whether it is HTTP, whether
 * the peer may ask, what for, and how large the body may be.
 */
#include "serve/exchange.h"

#include "base/error.h"
#include "graph/tensor.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What JSON around the tensors may take, and a number in it with its comma. */
#define JSON_BYTES   (64u << 10)
#define NUMBER_BYTES 26
/* Bodies of all requests under way, in units of the largest one. */
#define BODIES 4

/* Characters of a header's name: a token of RFC 9110, section 5.6.2. */
#define TOKEN "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

struct head {
	int hosts, lengths, codings;
	const char *length, *coding;
	bool bad_name;
};

static enum MHD_Result count(void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct head *h = ctx;

	(void)kind;
	h->bad_name |= !*key || key[strspn(key, TOKEN)];
	if (!strcasecmp(key, MHD_HTTP_HEADER_HOST)) {
		h->hosts++;
	} else if (!strcasecmp(key, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
		h->lengths++;
		h->length = value;
	} else if (!strcasecmp(key, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
		h->codings++;
		h->coding = value;
	}
	return MHD_YES;
}

/* What RFC 9112 forbids; a proxy in front may read such a request in another way. */
static const char *forbidden(const struct head *h, const char *version)
{
	if (h->bad_name)
		return "a header's name has characters that no name has";
	if (h->hosts > 1 || (h->hosts < 1 && strcmp(version, MHD_HTTP_VERSION_1_0)))
		return "a request has one header Host";
	if (h->lengths > 1 || (h->length && mea_oip_length(h->length) < 0))
		return "Content-Length must be there once, with a number of bytes";
	if (h->codings > 1 || (h->coding && strcasecmp(h->coding, "chunked")))
		return "Transfer-Encoding must be there once, and be chunked";
	if (h->codings && h->lengths)
		return "Content-Length and Transfer-Encoding exclude each other";
	return NULL;
}

static struct mea_answer refusal(unsigned status, const char *why)
{
	struct mea_answer a = mea_answer_error(MEA_EINVAL, why);

	a.status = status;
	a.close = true;
	return a;
}

/* Whether the peer may ask at all: with client_ca, only with a certificate of it that is for
 * clients. What a connection has shown once holds as long as it. */
static bool authorised(struct mea_exchange *x)
{
	gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
					 .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
	const union MHD_ConnectionInfo *i;
	unsigned status = 0;

	if (!x->server->opt.client_ca || x->peer->authorised)
		return true;
	i = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (!i || !i->tls_session ||
	    gnutls_certificate_verify_peers((gnutls_session_t)i->tls_session, &purpose, 1,
					    &status) ||
	    status)
		return false;
	x->peer->authorised = true;
	return true;
}

/* The most bytes that a request for this model may need: all its items as JSON. */
static size_t largest_body(const struct mea_served *m, size_t most)
{
	const struct mea_signature *io = mea_served_io(m);
	size_t bytes = JSON_BYTES, items = (size_t)mea_served_max_items(m);

	for (int i = 0; i < io->n_in; i++) {
		size_t one = io->in[i].bytes / mea_dtype_size(io->in[i].type) * NUMBER_BYTES;

		if (one > most / items || bytes + one * items > most)
			return most;
		bytes += one * items;
	}
	return bytes;
}

const char *mea_body_reserve(struct mea_exchange *x, size_t bytes)
{
	struct mea_server *s = x->server;
	size_t all = __atomic_add_fetch(&s->body_bytes, bytes, __ATOMIC_RELAXED);
	size_t most = BODIES * s->opt.max_body;

	x->reserved += bytes;
	x->peer->peer->bytes += bytes;
	if (all > most)
		return "the bodies of other requests take all memory for them";
	if (x->peer->peer->bytes <= most / 100 * (size_t)s->opt.address_share)
		return NULL;
	__atomic_add_fetch(&s->count.address_limited, 1, __ATOMIC_RELAXED);
	return "the bodies of other requests take all memory that this address may have";
}

void mea_body_release(struct mea_exchange *x)
{
	__atomic_sub_fetch(&x->server->body_bytes, x->reserved, __ATOMIC_RELAXED);
	x->peer->peer->bytes -= x->reserved;
	x->reserved = 0;
}

static struct mea_answer too_big(struct mea_exchange *x)
{
	char text[96];

	__atomic_add_fetch(&x->server->count.oversized, 1, __ATOMIC_RELAXED);
	snprintf(text, sizeof(text), "the body is larger than %zu bytes", x->body_max);
	return refusal(MHD_HTTP_CONTENT_TOO_LARGE, text);
}

/* An infer request: its model is there, and has room for its body. */
static bool infer_head(struct mea_exchange *x, const struct head *h, struct mea_answer *a)
{
	long long length = h->length ? mea_oip_length(h->length) : 0;
	const char *why;

	x->model = mea_repository_find(x->server->repository, x->path.model,
				       x->path.version[0] ? x->path.version : NULL);
	if (!x->model) {
		*a = mea_answer_error(MEA_ENOENT, mea_errmsg());
		a->close = h->codings || length > 0;
		return true;
	}
	x->body_max = largest_body(x->model, x->server->opt.max_body);
	if (length > (long long)x->body_max) {
		mea_served_count_failure(x->model);
		*a = too_big(x);
		return true;
	}
	why = mea_body_reserve(x, (size_t)length);
	if (!why)
		return false;
	mea_served_count_failure(x->model);
	*a = mea_answer_error(MEA_EBUSY, why);
	a->close = true;
	return true;
}

bool mea_head_answer(struct mea_exchange *x, const char *version, struct mea_answer *a)
{
	struct head h = {0};
	const char *why;

	MHD_get_connection_values(x->connection, MHD_HEADER_KIND, count, &h);
	why = forbidden(&h, version);
	if (why) {
		*a = refusal(MHD_HTTP_BAD_REQUEST, why);
		return true;
	}
	if (!authorised(x)) {
		__atomic_add_fetch(&x->server->count.unauthorised, 1, __ATOMIC_RELAXED);
		*a = refusal(MHD_HTTP_FORBIDDEN, "this server wants a client certificate");
		return true;
	}
	if (x->path.route == MEA_ROUTE_INFER && x->method == MEA_POST)
		return infer_head(x, &h, a);
	/* No other request has a body that is looked at. */
	if (!h.codings && (!h.length || !mea_oip_length(h.length)))
		return false;
	*a = mea_answer_get(x);
	a->close = true;
	return true;
}

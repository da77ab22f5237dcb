// SPDX-License-Identifier: Apache-2.0
/* One HTTP request through libcurl. */
#include "offload/client_internal.h"

#include "base/array.h"
#include "base/error.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* An answer is logits or metadata; more is nonsense. */
#define ANSWER_MAX (4 << 20)
/* Sent but not acknowledged for so long: the connection is dead. */
#define USER_TIMEOUT_MS	   5000
#define KEEPALIVE_IDLE_S   15
#define KEEPALIVE_PERIOD_S 5
/* A new measurement's part in the smoothed ones, as TCP has it. */
#define SMOOTH 0.125

static size_t on_body(char *data, size_t one, size_t size, void *ctx)
{
	struct transfer *t = ctx;

	(void)one;
	if (t->in_size + size > ANSWER_MAX)
		return 0;
	if (mea_grow(&t->in, t->in_size, size, 1))
		return 0;
	memcpy(t->in + t->in_size, data, size);
	t->in_size += size;
	return size;
}

static size_t on_header(char *data, size_t one, size_t size, void *ctx)
{
	static const char name[] = MEA_OIP_JSON_LENGTH ":";
	struct transfer *t = ctx;
	char value[24];
	size_t n = sizeof(name) - 1;

	(void)one;
	if (size <= n || strncasecmp(data, name, n))
		return size;
	while (n < size && (data[n] == ' ' || data[n] == '\t'))
		n++;
	snprintf(value, sizeof(value), "%.*s", (int)(size - n), data + n);
	value[strcspn(value, "\r\n \t")] = 0;
	t->json_bytes = mea_oip_length(value);
	return size;
}

static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	int ms = USER_TIMEOUT_MS;

	(void)ctx;
	(void)purpose;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	return CURL_SOCKOPT_OK;
}

static void set_tls(const struct mea_cloud *c, CURL *h)
{
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->opt.ca)
		curl_easy_setopt(h, CURLOPT_CAINFO, c->opt.ca);
	if (c->opt.cert)
		curl_easy_setopt(h, CURLOPT_SSLCERT, c->opt.cert);
	if (c->opt.key)
		curl_easy_setopt(h, CURLOPT_SSLKEY, c->opt.key);
}

/* A handle with all that does not change from request to request. */
static CURL *new_handle(const struct mea_cloud *c)
{
	CURL *h = curl_easy_init();

	if (!h)
		return NULL;
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	/* A name server that does not answer must not hold up the thread. */
	curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(h, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	curl_easy_setopt(h, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_PERIOD_S);
	curl_easy_setopt(h, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
	set_tls(c, h);
	return h;
}

static struct transfer *take_spare(struct mea_cloud *c)
{
	struct transfer *t = c->spare;

	if (t) {
		c->spare = t->next;
		return t;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->easy = new_handle(c);
	if (!t->easy) {
		free(t);
		return NULL;
	}
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	return t;
}

void mea_transfer_end(struct mea_cloud *c, struct transfer *t)
{
	curl_multi_remove_handle(c->multi, t->easy);
	curl_slist_free_all(t->headers);
	free(t->body);
	t->headers = NULL;
	t->body = NULL;
	t->next = c->spare;
	c->spare = t;
}

void mea_transfer_free_spare(struct mea_cloud *c)
{
	while (c->spare) {
		struct transfer *t = c->spare;

		c->spare = t->next;
		curl_easy_cleanup(t->easy);
		free(t->in);
		free(t);
	}
}

static int go(struct mea_cloud *c, struct transfer *t, const char *path, const char *tail,
	      double limit_ms)
{
	const struct endpoint *e = t->endpoint;
	char url[1024];

	t->in_size = 0;
	t->json_bytes = MEA_OIP_ALL_JSON;
	t->error[0] = 0;
	snprintf(url, sizeof(url), "%s%s%s", e->base, path, tail);
	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	/* "": none, whatever http_proxy says; NULL: what it says. */
	curl_easy_setopt(t->easy, CURLOPT_PROXY, e->loopback ? "" : NULL);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	/* The thread watches the deadline itself; this is for a thread that is late. */
	curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)limit_ms + 1);
	curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)limit_ms + 1);
	if (curl_multi_add_handle(c->multi, t->easy))
		return mea_fail(MEA_ENOMEM, "%s: a request cannot be started", e->base);
	return 0;
}

int mea_transfer_get(struct mea_cloud *c, struct endpoint *e, const char *path, double limit_ms,
		     struct transfer **out)
{
	struct transfer *t = take_spare(c);
	int rc;

	if (!t)
		return mea_nomem();
	t->endpoint = e;
	t->call = NULL;
	curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 0L);
	rc = go(c, t, path, "", limit_ms);
	if (rc)
		mea_transfer_end(c, t);
	else
		*out = t;
	return rc;
}

static void add_header(struct transfer *t, const char *name, long long value)
{
	char text[80];
	struct curl_slist *l;

	snprintf(text, sizeof(text), "%s: %lld", name, value);
	l = curl_slist_append(t->headers, text);
	t->headers = l ? l : t->headers;
}

/* The image as a PNG; false when that is no gain. */
static bool make_png(struct mea_cloud *c, struct transfer *t, size_t *size)
{
	const struct mea_oip_item *item = &c->opt.item;

	if (mea_oip_png_write(t->call->item, item->height, item->width, &t->body, size))
		return false;
	if (*size < mea_oip_item_bytes(item))
		return true;
	free(t->body);
	t->body = NULL;
	return false;
}

/* The item as the model wants it. */
static int make_body(struct mea_cloud *c, struct transfer *t, uint64_t timeout_us, size_t *size,
		     long long *json)
{
	struct mea_oip_target target = t->endpoint->target;
	size_t bytes = mea_oip_item_bytes(&c->opt.item), n = (size_t)c->opt.item.channels;
	const uint8_t *item = t->call->item;
	uint8_t *planes = NULL;
	int rc;

	t->form = target.form;
	*json = 0;
	if (t->form == MEA_FORM_PNG && make_png(c, t, size))
		return 0;
	if (t->form == MEA_FORM_PNG)
		t->form = target.form = MEA_FORM_RAW;
	if (target.planes) {
		planes = malloc(bytes);
		if (!planes)
			return mea_nomem();
		for (size_t i = 0; i < bytes; i++)
			planes[i % n * (bytes / n) + i / n] = item[i];
	}
	rc = mea_oip_ask(&target, planes ? planes : item, bytes, timeout_us, &t->body, size, json);
	free(planes);
	return rc;
}

static const char *media_type(enum mea_oip_form form)
{
	return form == MEA_FORM_PNG    ? "Content-Type: " MEA_OIP_PNG_TYPE
	       : form == MEA_FORM_JSON ? "Content-Type: application/json"
				       : "Content-Type: application/octet-stream";
}

int mea_transfer_infer(struct mea_cloud *c, struct endpoint *e, struct call *call, double left_ms,
		       bool fresh, struct transfer **out)
{
	struct transfer *t = take_spare(c);
	uint64_t timeout_us = (uint64_t)(left_ms * 1000);
	long long json;
	size_t size;
	int rc;

	if (!t)
		return mea_nomem();
	t->endpoint = e;
	t->call = call;
	rc = make_body(c, t, timeout_us, &size, &json);
	if (rc) {
		mea_transfer_end(c, t);
		return rc;
	}
	/* Saves the round trip that waits for "100 Continue". */
	t->headers = curl_slist_append(NULL, "Expect:");
	t->headers = curl_slist_append(t->headers, media_type(t->form));
	if (json >= 0)
		add_header(t, MEA_OIP_JSON_LENGTH, json);
	if (json == 0)
		add_header(t, "timeout", (long long)timeout_us);
	curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)size);
	curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
	rc = go(c, t, e->model, "/infer", left_ms);
	if (rc)
		mea_transfer_end(c, t);
	else
		*out = t;
	return rc;
}

/* --- measuring ------------------------------------------------------------------------- */

void mea_transfer_count(const struct transfer *t, struct mea_cloud_answer *a)
{
	curl_off_t up = 0, down = 0;
	long head_up = 0, head_down = 0;

	curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &up);
	curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
	curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &head_up);
	curl_easy_getinfo(t->easy, CURLINFO_HEADER_SIZE, &head_down);
	/* libcurl sends a small body together with the head, and counts it there as well. */
	a->bytes_up += (uint64_t)(head_up > up ? head_up : head_up + up);
	a->bytes_down += (uint64_t)(down + head_down);
}

static void smooth(double *to, double v)
{
	if (v > 0)
		*to = *to > 0 ? *to + SMOOTH * (v - *to) : v;
}

void mea_transfer_link(struct mea_cloud *c, const struct transfer *t, double answer_ms)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	curl_socket_t fd = CURL_SOCKET_BAD;
	bool known = !curl_easy_getinfo(t->easy, CURLINFO_ACTIVESOCKET, &fd) &&
		     fd != CURL_SOCKET_BAD && !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);

	pthread_mutex_lock(&c->lock);
	smooth(&c->link.answer_ms, answer_ms);
	if (known) {
		smooth(&c->link.rtt_ms, (double)info.tcpi_rtt / 1000);
		smooth(&c->link.bytes_per_s, (double)info.tcpi_delivery_rate);
	}
	pthread_mutex_unlock(&c->lock);
}

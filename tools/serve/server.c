// SPDX-License-Identifier: Apache-2.0
/* The server's life, and the course of a request through libmicrohttpd. */
#include "serve/exchange.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEM_MAX	       (1 << 20)
#define DRAIN_LOOK_MS  5
#define LISTEN_BACKLOG 1024
/* A connection's receive and send buffer, and with it the longest head of a request. */
#define CONNECTION_MEMORY (32 << 10)

/* --- a request's course ---------------------------------------------------------------- */

static enum MHD_Result send_answer(struct mea_exchange *x, struct mea_answer a)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(a.size, a.body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result rc;
	char number[24];

	if (!r) {
		free(a.body);
		return MHD_NO;
	}
	if (a.type)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a.type);
	if (a.json_bytes >= 0) {
		snprintf(number, sizeof(number), "%lld", a.json_bytes);
		MHD_add_response_header(r, MEA_OIP_JSON_LENGTH, number);
	}
	if (a.allow)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, a.allow);
	if (a.retry_later) {
		snprintf(number, sizeof(number), "%llu", a.retry_ms / 1000 + 1ull);
		MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, number);
	}
	if (a.retry_ms) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)a.retry_ms);
		MHD_add_response_header(r, "Retry-After-Ms", number);
	}
	if (a.close || __atomic_load_n(&x->server->draining, __ATOMIC_RELAXED))
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	if (a.status >= 400)
		__atomic_add_fetch(&x->server->count.errors, 1, __ATOMIC_RELAXED);
	rc = MHD_queue_response(x->connection, a.status, r);
	MHD_destroy_response(r);
	return rc;
}

static struct mea_connection *peer_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i ? i->socket_context : NULL;
}

static enum MHD_Result take(struct mea_exchange *x, const char *data, size_t *size)
{
	/* The head has reserved what it announced; chunks announce nothing. */
	size_t more = x->size + *size > x->reserved ? x->size + *size - x->reserved : 0;

	if (x->size + *size > x->body_max || (more && mea_body_reserve(x, more))) {
		/* No answer can be given in the midst of a body: the connection ends. */
		__atomic_add_fetch(&x->server->count.oversized, 1, __ATOMIC_RELAXED);
		return MHD_NO;
	}
	if (mea_grow(&x->body, x->size, *size, 1))
		return MHD_NO;
	memcpy(x->body + x->size, data, *size);
	x->size += *size;
	*size = 0;
	return MHD_YES;
}

/* The request is here as a whole, or the model is done with it. */
static enum MHD_Result answer(struct mea_exchange *x)
{
	mea_timeouts_set(x->server->timeouts, x->peer->timeout, 0);
	if (x->path.route != MEA_ROUTE_INFER || x->method != MEA_POST)
		return send_answer(x, mea_answer_get(x));
	if (!x->asked) {
		x->asked = true;
		if (!mea_infer_begin(x))
			return MHD_YES;
	}
	return send_answer(x, mea_infer_answer(x));
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **ctx)
{
	struct mea_server *s = cls;
	struct mea_exchange *x = *ctx;
	struct mea_answer a;

	if (x)
		return *size ? take(x, data, size) : answer(x);
	x = peer_of(c) ? calloc(1, sizeof(*x)) : NULL;
	if (!x)
		return MHD_NO;
	*ctx = x;
	x->server = s;
	x->connection = c;
	x->peer = peer_of(c);
	x->request.wait.usage = &x->peer->usage;
	x->begun_ns = mea_now_ns();
	x->path = mea_path_parse(url);
	x->method = !strcmp(method, MHD_HTTP_METHOD_POST)   ? MEA_POST
		    : !strcmp(method, MHD_HTTP_METHOD_GET)  ? MEA_GET
		    : !strcmp(method, MHD_HTTP_METHOD_HEAD) ? MEA_GET
							    : MEA_OTHER_METHOD;
	__atomic_add_fetch(&s->count.requests, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&s->under_way, 1, __ATOMIC_RELAXED);
	if (mea_head_answer(x, version, &a))
		return send_answer(x, a);
	mea_timeouts_set(s->timeouts, x->peer->timeout, s->opt.body_s);
	return MHD_YES;
}

static void completed(void *cls, struct MHD_Connection *c, void **ctx,
		      enum MHD_RequestTerminationCode why)
{
	struct mea_server *s = cls;
	struct mea_exchange *x = *ctx;

	(void)why;
	(void)c;
	if (!x)
		return;
	mea_timeouts_set(s->timeouts, x->peer->timeout, s->opt.idle_s);
	mea_body_release(x);
	*ctx = NULL;
	mea_served_request_free(&x->request);
	mea_served_put(x->model);
	free(x->body);
	free(x);
	__atomic_sub_fetch(&s->under_way, 1, __ATOMIC_RELEASE);
}

static void forget(struct mea_server *s, struct mea_connection *p)
{
	if (!p)
		return;
	mea_timeouts_remove(s->timeouts, p->timeout);
	mea_peers_leave(s->peers, p->peer);
	free(p);
}

/* Its first request fails where there is no memory for it. */
static struct mea_connection *remember(struct mea_server *s, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *fd, *from;
	struct mea_connection *p = calloc(1, sizeof(*p));

	fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	from = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (!p || !fd || !from) {
		free(p);
		return NULL;
	}
	p->fd = fd->connect_fd;
	p->timeout = mea_timeouts_add(s->timeouts, p->fd, s->opt.head_s);
	p->peer = mea_peers_enter(s->peers, from->client_addr);
	if (p->timeout && p->peer)
		return p;
	forget(s, p);
	return NULL;
}

static void connection(void *cls, struct MHD_Connection *c, void **ctx,
		       enum MHD_ConnectionNotificationCode what)
{
	if (what != MHD_CONNECTION_NOTIFY_CLOSED) {
		*ctx = remember(cls, c);
		return;
	}
	forget(cls, *ctx);
	*ctx = NULL;
}

/* Whether an address may have another connection. */
static enum MHD_Result admit(void *cls, const struct sockaddr *a, socklen_t size)
{
	struct mea_server *s = cls;
	int most = (int)((int64_t)s->opt.connections * s->opt.address_share / 100);

	(void)size;
	if (mea_peers_connections(s->peers, a) < (most ? most : 1))
		return MHD_YES;
	__atomic_add_fetch(&s->count.address_limited, 1, __ATOMIC_RELAXED);
	return MHD_NO;
}

/* --- life --------------------------------------------------------------------------- */

static int read_pem(const char *path, char **out)
{
	FILE *f = fopen(path, "rb");
	char *text = f ? calloc(1, PEM_MAX + 1) : NULL;
	size_t n;

	if (!text) {
		if (f)
			fclose(f);
		return mea_fail(f ? MEA_ENOMEM : MEA_ENOENT, "%s: %s", path, strerror(errno));
	}
	n = fread(text, 1, PEM_MAX, f);
	fclose(f);
	*out = text;
	if (n == 0 || n == PEM_MAX || !strstr(text, "-----BEGIN "))
		return mea_fail(MEA_EINVAL, "%s: is no PEM file", path);
	return 0;
}

static int read_pems(struct mea_server *s)
{
	const char *paths[3] = {s->opt.cert, s->opt.key, s->opt.client_ca};
	int rc = 0;

	if (!s->opt.cert != !s->opt.key)
		return mea_fail(MEA_EINVAL, "TLS needs a certificate and its key");
	if (s->opt.client_ca && !s->opt.cert)
		return mea_fail(MEA_EINVAL, "client certificates need TLS: a certificate and key");
	for (int i = 0; i < 3 && !rc; i++)
		if (paths[i])
			rc = read_pem(paths[i], &s->pem[i]);
	return rc;
}

static int listen_on(const struct mea_server_options *o, int *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	char service[16];
	int fd = -1, one = 1, err;

	snprintf(service, sizeof(service), "%d", o->port);
	err = getaddrinfo(o->host, service, &hints, &list);
	if (err)
		return mea_fail(MEA_EINVAL, "listen: %s: %s", o->host ? o->host : "*",
				gai_strerror(err));
	for (const struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
		fd = socket(i->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (fd >= 0 &&
		    (bind(fd, i->ai_addr, i->ai_addrlen) || listen(fd, LISTEN_BACKLOG))) {
			err = errno;
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd < 0)
		return mea_fail(MEA_EIO, "listen: %s:%d: %s", o->host ? o->host : "*", o->port,
				strerror(err));
	getsockname(fd, (struct sockaddr *)&a, &len);
	*port = ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
					      : ((struct sockaddr_in *)&a)->sin_port);
	return fd;
}

/* Paths stay as they came: what an escape hides is ours to judge. */
static size_t unescape(void *cls, struct MHD_Connection *c, char *text)
{
	(void)cls;
	(void)c;
	return strlen(text);
}

static int start_daemon(struct mea_server *s, int fd)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
	static char versions[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
	struct MHD_OptionItem tls[5];
	int n = 0;

	if (s->opt.cert) {
		flags |= MHD_USE_TLS;
		tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, s->pem[0]};
		tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, s->pem[1]};
		tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, versions};
	}
	if (s->opt.client_ca)
		tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, s->pem[2]};
	tls[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	s->daemon = MHD_start_daemon(flags, 0, admit, s, handle, s, MHD_OPTION_LISTEN_SOCKET, fd,
				     MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->opt.connections,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
				     MHD_OPTION_NOTIFY_COMPLETED, completed, s,
				     MHD_OPTION_NOTIFY_CONNECTION, connection, s,
				     MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
				     MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, tls,
				     MHD_OPTION_END);
	if (s->daemon)
		return 0;
	close(fd);
	return mea_fail(MEA_EINVAL, "the HTTP server does not start%s",
			s->opt.cert ? "; do certificate and key belong together?" : "");
}

int mea_server_start(const struct mea_server_options *opt, struct mea_repository *repository,
		     struct mea_server **out)
{
	struct mea_server *s = calloc(1, sizeof(*s));
	int rc, fd;

	*out = NULL;
	if (!s)
		return mea_nomem();
	s->opt = *opt;
	s->repository = repository;
	rc = read_pems(s);
	if (!rc)
		rc = mea_timeouts_start(&s->timeouts);
	if (!rc)
		rc = mea_peers_new(&s->peers);
	if (!rc)
		rc = mea_readers_start(mea_infer_read, &s->readers);
	fd = rc ? rc : listen_on(&s->opt, &s->port);
	rc = fd < 0 ? fd : start_daemon(s, fd);
	if (rc) {
		mea_server_stop(s);
		return rc;
	}
	*out = s;
	return 0;
}

int mea_server_port(const struct mea_server *s)
{
	return s->port;
}

int mea_server_drain(struct mea_server *s, int limit_ms)
{
	uint64_t until = mea_now_ns() + (uint64_t)limit_ms * 1000000u;
	int fd, left;

	__atomic_store_n(&s->draining, true, __ATOMIC_RELAXED);
	fd = (int)MHD_quiesce_daemon(s->daemon);
	if (fd >= 0)
		close(fd);
	while ((left = __atomic_load_n(&s->under_way, __ATOMIC_ACQUIRE)) > 0) {
		if (mea_now_ns() >= until)
			return mea_fail(MEA_ETIMEDOUT, "%d requests are not answered after %d ms",
					left, limit_ms);
		usleep(DRAIN_LOOK_MS * 1000);
	}
	return 0;
}

void mea_server_stop(struct mea_server *s)
{
	if (!s)
		return;
	__atomic_store_n(&s->stopping, true, __ATOMIC_SEQ_CST);
	/* libmicrohttpd must not be stopped while a connection is suspended. */
	while (__atomic_load_n(&s->at_models, __ATOMIC_ACQUIRE) > 0)
		usleep(DRAIN_LOOK_MS * 1000);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	mea_readers_stop(s->readers);
	mea_timeouts_stop(s->timeouts);
	mea_peers_free(s->peers);
	for (int i = 0; i < 3; i++)
		free(s->pem[i]);
	free(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An Open Inference Protocol server over HTTP/1.1, with libmicrohttpd. */
#ifndef MEA_CLOUD_SERVER_H
#define MEA_CLOUD_SERVER_H

#include "serve/repository.h"

struct mea_server_options {
	const char *host; /* an address; NULL: all */
	int port;	  /* 0: one that is free */

	/* PEM files; cert and key make it TLS, client_ca lets in only clients with a
	 * certificate of that authority. */
	const char *cert, *key, *client_ca;

	size_t max_body;   /* bytes of a request's body */
	int connections;   /* at once; more wait to be accepted */
	int address_share; /* per cent of connections and of bodies' memory for one address */
	int head_s;	   /* from connecting to the end of the first request's head */
	int body_s;	   /* from a request's head to the end of its body */
	int idle_s;	   /* from an answer to the end of the next request's head */
};

/* clang-format off */
#define MEA_SERVER_OPTIONS_INIT {.port = 8000, .max_body = 64u << 20, .connections = 4096, \
	.address_share = 50, .head_s = 10, .body_s = 30, .idle_s = 75}
/* clang-format on */

struct mea_server;

/* Starts to listen and to answer, on threads of its own. repository is borrowed. */
int mea_server_start(const struct mea_server_options *opt, struct mea_repository *repository,
		     struct mea_server **out);

int mea_server_port(const struct mea_server *s);

/* Accepts no more connections, says "not ready", and waits until the requests under way are
 * answered, at most limit_ms. MEA_ETIMEDOUT: some are not. */
int mea_server_drain(struct mea_server *s, int limit_ms);

/* Ends at once and frees s; NULL is fine. Requests under way are waited for as long as
 * their models compute. */
void mea_server_stop(struct mea_server *s);

#endif

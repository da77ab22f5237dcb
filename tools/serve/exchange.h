/* SPDX-License-Identifier: Apache-2.0 */
/* What the server's files share: a request under way, and its answer. */
#ifndef MEA_CLOUD_EXCHANGE_H
#define MEA_CLOUD_EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>

#include "serve/peers.h"
#include "serve/timeouts.h"
#include "serve/readers.h"
#include "serve/server.h"

/* Counters of the server as a whole, all atomic. */
struct mea_server_counters {
	uint64_t requests, errors; /* errors: answers of 400 and more */
	uint64_t oversized, unauthorised;
	uint64_t address_limited; /* connections and bodies beyond an address's share */
};

struct mea_server {
	struct mea_server_options opt;
	struct mea_repository *repository;
	struct MHD_Daemon *daemon;
	struct mea_timeouts *timeouts;
	struct mea_peers *peers; /* libmicrohttpd's thread uses it */
	struct mea_readers *readers;
	char *pem[3]; /* certificate, key, client authority */
	int port;
	bool draining;	   /* atomic */
	bool stopping;	   /* atomic; no request may begin any more */
	int at_models;	   /* atomic; requests there, their connections suspended */
	int under_way;	   /* atomic; requests whose answer is not sent */
	size_t body_bytes; /* atomic; of bodies that are here or may still come */
	struct mea_server_counters count;
};

/* What the server keeps of a connection. */
struct mea_connection {
	int fd;
	void *timeout; /* of mea_timeouts */
	struct mea_peer *peer;
	struct mea_usage usage;
	bool authorised; /* it has shown its certificate */
};

enum mea_method { MEA_GET, MEA_POST, MEA_OTHER_METHOD };

enum mea_route {
	MEA_ROUTE_NONE,
	MEA_ROUTE_SERVER,
	MEA_ROUTE_LIVE,
	MEA_ROUTE_READY,
	MEA_ROUTE_MODEL,
	MEA_ROUTE_MODEL_READY,
	MEA_ROUTE_MODEL_STATS,
	MEA_ROUTE_ALL_STATS,
	MEA_ROUTE_INFER,
	MEA_ROUTE_INDEX,
	MEA_ROUTE_METRICS,
};

struct mea_path {
	enum mea_route route;
	char model[128], version[24]; /* version "": none was named */
};

/* Pure: what a path means, which is as the client sent it. Empty parts, and escapes of "/" and
 * of 0, lead nowhere: a proxy in front may have read them in another way. */
struct mea_path mea_path_parse(const char *url);

struct mea_answer {
	unsigned status;
	const char *type;
	void *body; /* malloc'ed */
	size_t size;
	long long json_bytes; /* for MEA_OIP_JSON_LENGTH; MEA_OIP_ALL_JSON: no such header */
	const char *allow;    /* with 405 */
	bool retry_later;     /* says Retry-After, */
	uint64_t retry_ms;    /* and this time in ms as well; 0: unknown */
	bool close;
};

/* A request, from its first header to the end of its answer. */
struct mea_exchange {
	struct mea_server *server;
	struct MHD_Connection *connection;
	struct mea_connection *peer;
	struct mea_path path;
	enum mea_method method;
	unsigned char *body;
	size_t size, body_max, reserved; /* reserved: of server->body_bytes */
	uint64_t begun_ns;

	/* With MEA_ROUTE_INFER. */
	struct mea_served *model;
	struct mea_served_request request;
	bool asked;
	struct mea_exchange *next; /* of those whose bodies wait to be parsed */
};

/* Makes an answer of a JSON value, whose reference it takes, or of an error sentence. */
struct mea_answer mea_answer_json(unsigned status, json_t *value);
struct mea_answer mea_answer_error(int error, const char *sentence);

/* The answer to all but infer requests. */
struct mea_answer mea_answer_get(struct mea_exchange *x);

/* Looks at a request's head. True: *a answers it, and its body is not wanted. */
bool mea_head_answer(struct mea_exchange *x, const char *version, struct mea_answer *a);
/* Takes bytes of the server's memory for bodies, and of the address's share; NULL, or why there is
 * not as much. They are to be given back with mea_body_release() in any case. */
const char *mea_body_reserve(struct mea_exchange *x, size_t bytes);
void mea_body_release(struct mea_exchange *x);

/* Begins an infer request whose body is here; the connection is suspended until it is done.
 * Fails when the server is going down. */
int mea_infer_begin(struct mea_exchange *x);
/* Parses its body and hands it to the model. */
void mea_infer_read(struct mea_exchange *x);
/* The answer once the request is done. */
struct mea_answer mea_infer_answer(struct mea_exchange *x);

/* Statistics as Triton's extension has them; Prometheus' text. */
json_t *mea_stats_json(struct mea_served *m);
char *mea_metrics_text(struct mea_server *s);

#endif

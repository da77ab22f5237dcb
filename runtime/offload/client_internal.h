/* SPDX-License-Identifier: Apache-2.0 */
/* What the client's files share. All of it belongs to the client's thread, but for what
 * struct mea_cloud says. */
#ifndef MEA_CLOUD_CLIENT_INTERNAL_H
#define MEA_CLOUD_CLIENT_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>

#include "offload/client.h"
#include "offload/cwnd.h"
#include "offload/oip.h"

#define ENDPOINTS_MAX 16
#define TRIES_MAX     2

struct transfer;

enum endpoint_state {
	ENDPOINT_NEW,	 /* not probed yet */
	ENDPOINT_UP,	 /* may be asked */
	ENDPOINT_DOWN,	 /* failed; probed again at retry_ms */
	ENDPOINT_MISFIT, /* the same, and what it has is another model */
};

enum probe_step { PROBE_READY, PROBE_SERVER, PROBE_MODEL };

struct endpoint {
	char *base;    /* "http://host:port" */
	char *model;   /* "/v2/models/NAME" */
	bool loopback; /* base is this machine, to which no proxy has a way */
	enum endpoint_state state;
	struct mea_oip_target target; /* valid once up */
	bool binary, png;	      /* announces binary tensors, PNG bodies */
	int outstanding;
	double answered_ms; /* when it last did; 0: never */
	int failures;	    /* in a row */
	double backoff_ms;  /* until the next probe; grows with each */
	double retry_ms;    /* when that is */
	bool away;	    /* a probe failed since it was last up */
	struct transfer *probe;
	enum probe_step step;
	char reason[160]; /* of the last failure */
};

/* An image that is asked about. */
struct call {
	struct call *next;
	double begun, sent, deadline; /* ms; sent: the first try */
	mea_cloud_done done;
	void *ctx;
	struct transfer *tries[TRIES_MAX]; /* under way; NULL when over */
	int n_tries;
	bool late;		     /* has been counted as such */
	bool alone, full;	     /* see struct mea_cwnd_request */
	const struct endpoint *last; /* that was tried */
	struct mea_cloud_answer a;
	uint8_t item[];
};

/* One HTTP request, for a call or, when call is NULL, a probe. */
struct transfer {
	struct transfer *next;
	struct endpoint *endpoint;
	struct call *call;
	CURL *easy;
	double sent;
	enum mea_oip_form form; /* of an infer request */
	struct curl_slist *headers;
	void *body;
	char *in;
	size_t in_size;
	long long json_bytes; /* of the answer */
	char error[CURL_ERROR_SIZE];
};

struct mea_cloud {
	struct mea_cloud_options opt; /* its texts are copies */
	struct endpoint endpoints[ENDPOINTS_MAX];
	int n;
	CURLM *multi;
	struct call *calls;
	struct transfer *spare; /* handles for the next transfers */
	float *logits;
	double hedges;	      /* second tries that may still be spent while the first runs */
	double answered_ms;   /* when a server last did; 0: never */
	struct mea_cwnd cwnd; /* of calls under way */

	pthread_t thread;
	bool runs;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t probed;
	struct call *asked, **asked_end;
	struct mea_link link;
	const char *missed;
	int unknown;	  /* endpoints that have not been probed */
	char misfit[512]; /* what does not fit at one of them; "": all do */
	bool stop;
};

/* --- client.c: the thread ------------------------------------------------------------ */

/* At most so many second tries are earned. */
#define MEA_HEDGES_MAX 3.0

/* Runs until the client is closed; arg is the client. */
void *mea_cloud_run(void *arg);

/* --- transfer.c: curl ---------------------------------------------------------------- */

/* Starts a GET of base + path, for a probe. */
int mea_transfer_get(struct mea_cloud *c, struct endpoint *e, const char *path, double limit_ms,
		     struct transfer **out);
/* Starts an infer request; fresh: on a connection of its own. */
int mea_transfer_infer(struct mea_cloud *c, struct endpoint *e, struct call *call, double left_ms,
		       bool fresh, struct transfer **out);
/* Ends it, whether it is over or not, and keeps its handle for another. */
void mea_transfer_end(struct mea_cloud *c, struct transfer *t);
void mea_transfer_free_spare(struct mea_cloud *c);
/* Adds up what went over the wire, and what the kernel knows about the connection. */
void mea_transfer_count(const struct transfer *t, struct mea_cloud_answer *a);
void mea_transfer_link(struct mea_cloud *c, const struct transfer *t, double answer_ms);

/* --- endpoint.c: which server ------------------------------------------------------- */

int mea_endpoints_parse(struct mea_cloud *c);
/* The least busy endpoint that is up, another than `not` if there is one; NULL: none. */
struct endpoint *mea_endpoint_choose(struct mea_cloud *c, const struct endpoint * not );
/* It answered a request; it failed one. */
void mea_endpoint_good(struct endpoint *e);
void mea_endpoint_bad(struct mea_cloud *c, struct endpoint *e, const char *reason);
/* Starts the probes that are due; returns the time until the next is, in ms. */
double mea_endpoints_probe(struct mea_cloud *c);
/* A probe's request is over. */
void mea_endpoint_probed(struct mea_cloud *c, struct transfer *t, CURLcode code);

#endif

// SPDX-License-Identifier: Apache-2.0
/* mea serve: the cloud's side, an Open Inference Protocol server. */
#include "mea/tool.h"

#include "serve/server.h"
#include "base/error.h"
#include "serve/infer_dnnl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

struct serve {
	const char *source;
	char host[256];
	struct mea_server_options http;
	struct mea_served_options model;
	int drain_s;
};

enum {
	OPT_LISTEN = 256,
	OPT_MAX_BATCH,
	OPT_MAX_DELAY,
	OPT_QUEUE,
	OPT_THREADS,
	OPT_MAX_BODY,
	OPT_CONNECTIONS,
	OPT_CERT,
	OPT_KEY,
	OPT_CLIENT_CA,
	OPT_DRAIN
};

static const struct argp_option options[] = {
	{"listen", OPT_LISTEN, "HOST:PORT", 0,
	 "where to listen (127.0.0.1:8000); port 0: one that is free, which is printed; host * "
	 "or none: everywhere",
	 1},
	{"max-batch", OPT_MAX_BATCH, "N", 0, "items that are computed at once (8)", 2},
	{"max-delay", OPT_MAX_DELAY, "US", 0,
	 "microseconds that a request waits for others to join it (0)", 2},
	{"queue", OPT_QUEUE, "N", 0, "requests that may wait; more are refused with 503 (256)", 2},
	{"threads", OPT_THREADS, "N", 0, "threads per model (as many as CPUs)", 2},
	{"max-body", OPT_MAX_BODY, "BYTES", 0, "largest request (67108864)", 3},
	{"connections", OPT_CONNECTIONS, "N", 0, "connections at once (4096)", 3},
	{"cert", OPT_CERT, "FILE", 0, "PEM certificate: serves HTTPS", 4},
	{"key", OPT_KEY, "FILE", 0, "its key", 4},
	{"client-ca", OPT_CLIENT_CA, "FILE", 0,
	 "lets in only clients with a certificate of this authority", 4},
	{"drain", OPT_DRAIN, "S", 0, "seconds that a SIGTERM leaves to requests under way (10)", 5},
	{0},
};

/* "host:port", "[v6]:port", ":port", "*:port". */
static void parse_listen(struct argp_state *state, struct serve *s, const char *arg)
{
	const char *colon = strrchr(arg, ':'), *from = arg;
	size_t n;

	if (!colon) {
		argp_error(state, "--listen: '%s' is not HOST:PORT", arg);
		return;
	}
	n = (size_t)(colon - arg);
	if (n >= 2 && arg[0] == '[' && arg[n - 1] == ']') {
		from++;
		n -= 2;
	}
	if (n >= sizeof(s->host)) {
		argp_error(state, "--listen: '%s': the name is too long", arg);
		return;
	}
	memcpy(s->host, from, n);
	s->host[n] = 0;
	s->http.host = !n || !strcmp(s->host, "*") ? NULL : s->host;
	s->http.port = (int)tool_number(state, "--listen (port)", colon + 1, 0, 65535);
}

static error_t parse_model(int key, char *arg, struct argp_state *state)
{
	struct serve *s = state->input;

	switch (key) {
	case OPT_MAX_BATCH:
		s->model.max_batch = (int)tool_number(state, "--max-batch", arg, 1, MEA_BATCH_MAX);
		return 0;
	case OPT_MAX_DELAY:
		s->model.max_delay_us = (int)tool_number(state, "--max-delay", arg, 0, 10000000);
		return 0;
	case OPT_QUEUE:
		s->model.queue = (int)tool_number(state, "--queue", arg, 1, 1000000);
		return 0;
	case OPT_THREADS:
		s->model.threads = (int)tool_number(state, "--threads", arg, 1, 256);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct serve *s = state->input;

	switch (key) {
	case OPT_LISTEN:
		parse_listen(state, s, arg);
		return 0;
	case OPT_MAX_BODY:
		s->http.max_body = tool_number(state, "--max-body", arg, 1, 1u << 30);
		return 0;
	case OPT_CONNECTIONS:
		s->http.connections = (int)tool_number(state, "--connections", arg, 1, 1000000);
		return 0;
	case OPT_CERT:
		s->http.cert = arg;
		return 0;
	case OPT_KEY:
		s->http.key = arg;
		return 0;
	case OPT_CLIENT_CA:
		s->http.client_ca = arg;
		return 0;
	case OPT_DRAIN:
		s->drain_s = (int)tool_number(state, "--drain", arg, 0, 3600);
		return 0;
	case ARGP_KEY_ARG:
		tool_only(state, &s->source, arg, "source");
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which BUNDLE, MODEL.onnx or REPOSITORY?");
		return 0;
	}
	return parse_model(key, arg, state);
}

static void say(const char *text)
{
	fprintf(stderr, "%s: %s\n", tool_name, text);
}

/* The signals that this command waits for; blocked before any thread starts. */
static sigset_t block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return set;
}

static void reload(struct mea_repository *r)
{
	sd_notify(0, "RELOADING=1");
	/* What could not be loaded has been told; the rest is served. */
	if (mea_repository_reload(r))
		say("reloaded in part");
	else
		say("reloaded");
	sd_notify(0, "READY=1");
}

static int wait_and_drain(struct serve *s, struct mea_repository *r, struct mea_server *server,
			  const sigset_t *set)
{
	int sig, rc;

	sd_notify(0, "READY=1");
	while (!sigwait(set, &sig) && sig == SIGHUP)
		reload(r);
	sd_notify(0, "STOPPING=1");
	rc = mea_server_drain(server, s->drain_s * 1000);
	return rc ? tool_fail() : TOOL_OK;
}

static int serve(struct serve *s)
{
	sigset_t set = block_signals();
	struct mea_repository *r;
	struct mea_server *server = NULL;
	int rc = mea_repository_open(s->source, &s->model, say, &r);

	if (rc)
		return tool_fail();
	rc = mea_server_start(&s->http, r, &server);
	if (rc) {
		rc = tool_fail();
	} else {
		bool v6 = s->http.host && strchr(s->http.host, ':');

		printf("serving %s on %s://%s%s%s:%d\n", s->source, s->http.cert ? "https" : "http",
		       v6 ? "[" : "", s->http.host ? s->http.host : "*", v6 ? "]" : "",
		       mea_server_port(server));
		fflush(stdout);
		rc = wait_and_drain(s, r, server, &set);
	}
	mea_server_stop(server);
	mea_repository_close(r);
	return rc;
}

int tool_serve(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"BUNDLE|MODEL.onnx|REPOSITORY",
		"Serves models by the Open Inference Protocol v2 over HTTP: a bundle's cloud "
		"model, "
		"an ONNX file, or all of a folder laid out NAME/VERSION/model.onnx. SIGHUP looks "
		"at "
		"the folder again, SIGTERM answers what is under way and ends."
		"\vExit status: 0 ended by a signal, 1 failed, 2 wrong usage.",
		NULL,
		NULL,
		NULL};
	struct serve s = {.http = MEA_SERVER_OPTIONS_INIT,
			  .model = {.ops = &mea_infer_dnnl, .max_batch = 8, .queue = 256},
			  .host = "127.0.0.1",
			  .drain_s = 10};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	s.http.host = s.host;
	s.model.threads = cpus > 0 && cpus <= 256 ? (int)cpus : 1;
	argp_parse(&argp, argc, argv, 0, NULL, &s);
	return serve(&s);
}

// SPDX-License-Identifier: Apache-2.0
/* mea serve: the cloud's side, an Open Inference Protocol server. */
#include "mea/tool.h"

#include "serve/server.h"
#include "base/error.h"
#include "serve/cpus.h"
#include "serve/infer_int8.h"

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
	int threads, drain_s;
};

/* "host:port", "[v6]:port", ":port", "*:port". */
static int take_listen(void *args, const char *arg)
{
	struct serve *s = args;
	const char *colon = strrchr(arg, ':'), *from = arg;
	uint64_t port;
	size_t n;

	if (!colon)
		return mea_fail(MEA_EINVAL, "--listen: '%s' is not HOST:PORT", arg);
	n = (size_t)(colon - arg);
	if (n >= 2 && arg[0] == '[' && arg[n - 1] == ']') {
		from++;
		n -= 2;
	}
	if (n >= sizeof(s->host))
		return mea_fail(MEA_EINVAL, "--listen: '%s': the name is too long", arg);
	memcpy(s->host, from, n);
	s->host[n] = 0;
	s->http.host = !n || !strcmp(s->host, "*") ? NULL : s->host;
	if (option_whole("--listen (port)", colon + 1, 0, 65535, &port))
		return MEA_EINVAL;
	s->http.port = (int)port;
	return 0;
}

#define AT(f) FIELD(struct serve, f)

static const struct row options[] = {
	{NULL, "BUNDLE|MODEL.onnx|REPOSITORY", AT(source), "source", .needed = true},
	{"listen", "HOST:PORT",
	 .help = "where to listen; port 0: one that is free, which is printed; host * or none: "
		 "everywhere",
	 .call = take_listen, .value = "127.0.0.1:8000"},
	{"max-batch", "N", AT(model.max_batch), "items that are computed at once", 1, MEA_BATCH_MAX,
	 "8"},
	{"max-delay", "US", AT(model.max_delay_us),
	 "microseconds that a request waits for others to join it", 0, 1e7, "0"},
	{"queue", "N", AT(model.queue), "requests that may wait; more are refused with 503", 1, 1e6,
	 "256"},
	{"threads", "N", AT(threads), "threads that compute, for all models", 1, MEA_THREADS_MAX,
	 .otherwise = "as many as processors that this process may use"},
	{"max-body", "BYTES", AT(http.max_body), "largest request", 1, 1u << 30, "67108864"},
	{"connections", "N", AT(http.connections), "connections at once", 1, 1e6, "4096"},
	{"address-share", "PERCENT", AT(http.address_share),
	 "of connections and of memory for bodies that one address may take; 100 behind a proxy", 1,
	 100, "50"},
	{"cert", "FILE", AT(http.cert), "PEM certificate: serves HTTPS"},
	{"key", "FILE", AT(http.key), "its key"},
	{"client-ca", "FILE", AT(http.client_ca),
	 "lets in only clients with a certificate of this authority"},
	{"drain", "S", AT(drain_s), "seconds that a SIGTERM leaves to requests under way", 0, 3600,
	 "10"},
	{0},
};

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
	int rc = mea_repository_open(s->source, &s->model, s->threads, say, &r);

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

static int serve_main(int argc, char **argv)
{
	struct serve s = {.http = MEA_SERVER_OPTIONS_INIT, .model = {.ops = &mea_infer_any}};

	s.threads = mea_cpus() < MEA_THREADS_MAX ? mea_cpus() : MEA_THREADS_MAX;
	option_parse(&tool_serve, argc, argv, &s);
	return serve(&s);
}

const struct tool tool_serve = {
	.name = "serve",
	.summary = "answer images over the network, as the cloud",
	.text = "Serves models by the Open Inference Protocol v2 over HTTP: a bundle's cloud "
		"model, an ONNX file, or all of a folder laid out NAME/VERSION/model.onnx. "
		"SIGHUP looks at the folder again, SIGTERM answers what is under way and ends."
		"\vExit status: 0 ended by a signal, 1 failed, 2 wrong usage.",
	.options = options,
	.main = serve_main,
};

// SPDX-License-Identifier: Apache-2.0
/*
 * How many answers of an Open Inference Protocol server come in time:
 *
 *   goodput PORT MODEL CONNECTIONS SECONDS RATE TIMEOUT_MS [SPREAD]
 *
 * sends 3,072 bytes at a time to the server on 127.0.0.1, RATE requests a second over CONNECTIONS
 * connections at random times, or, when RATE is 0, the next as soon as the last was answered. A
 * connection whose answer is still to come waits for it. With TIMEOUT_MS each request says so, and
 * a later answer is a late one. SPREAD: the first eighth of the connections ask so many times as
 * often as the others. Prints one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY 3072

struct connection {
	double next, sent, every; /* s; every: between two requests on average */
	bool waits;
	size_t have;
	int good;
	char text[4096];
};

static struct {
	struct connection *c;
	struct pollfd *fd;
	int n;
	char request[BODY + 400];
	size_t size;
	double timeout;
	long sent, good, late, refused, failed;
	double *times;
	size_t room;
	uint32_t seed;
} all = {.seed = 1};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double uniform(void)
{
	all.seed = all.seed * 1664525 + 1013904223;
	return ((all.seed >> 8) + 0.5) / (1 << 24);
}

static void die(const char *what)
{
	fprintf(stderr, "goodput: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int dial(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	a.sin_port = htons((uint16_t)port);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void prepare(int port, const char *model, int n, double rate, double spread)
{
	char timeout[64] = "";
	int eighth = spread > 1 ? n / 8 : 0;
	double start = now();

	all.n = n;
	all.c = calloc((size_t)n, sizeof(*all.c));
	all.fd = calloc((size_t)n, sizeof(*all.fd));
	if (!all.c || !all.fd)
		die("memory");
	if (all.timeout > 0)
		snprintf(timeout, sizeof(timeout), "timeout: %.0f\r\n", all.timeout * 1e6);
	all.size = (size_t)snprintf(all.request, sizeof(all.request) - BODY,
				    "POST /v2/models/%s/infer HTTP/1.1\r\nHost: x\r\n"
				    "Inference-Header-Content-Length: 0\r\n%s"
				    "Content-Length: %d\r\n\r\n",
				    model, timeout, BODY) +
		   BODY;
	for (int i = 0; i < n; i++) {
		struct connection *c = &all.c[i];

		all.fd[i] = (struct pollfd){dial(port), POLLIN, 0};
		c->every = rate > 0 ? (n + (spread - 1) * eighth) / rate : 0;
		if (i < eighth)
			c->every /= spread;
		c->next = start + c->every * uniform();
	}
}

static void ask(int i, double t)
{
	struct connection *c = &all.c[i];

	c->next = fmax(c->next - c->every * log(uniform()), t - 1);
	c->sent = t;
	c->have = 0;
	c->waits = true;
	all.sent++;
	if (send(all.fd[i].fd, all.request, all.size, MSG_NOSIGNAL) != (ssize_t)all.size)
		die("send");
}

static void count(struct connection *c, double took)
{
	int status = atoi(c->text + 9);

	c->waits = false;
	if (status == 503) {
		all.refused++;
	} else if (status != 200) {
		all.failed++;
	} else if (all.timeout > 0 && took > all.timeout) {
		all.late++;
	} else {
		if ((size_t)all.good == all.room) {
			all.room = all.room ? 2 * all.room : 1024;
			all.times = realloc(all.times, all.room * sizeof(*all.times));
			if (!all.times)
				die("memory");
		}
		all.times[all.good++] = took;
		c->good++;
	}
}

static void hear(int i, double t)
{
	struct connection *c = &all.c[i];
	ssize_t n = recv(all.fd[i].fd, c->text + c->have, sizeof(c->text) - 1 - c->have, 0);
	char *end, *length;

	if (n <= 0)
		die("the server hung up");
	c->have += (size_t)n;
	c->text[c->have] = 0;
	end = strstr(c->text, "\r\n\r\n");
	length = strstr(c->text, "\nContent-Length: ");
	if (end && length &&
	    c->have >= (size_t)(end + 4 - c->text) + strtoul(length + 17, NULL, 10))
		count(c, t - c->sent);
}

static void run(double seconds)
{
	double begun = now(), t;

	while ((t = now()) < begun + seconds) {
		double next = t + 0.05;

		for (int i = 0; i < all.n; i++) {
			if (!all.c[i].waits && all.c[i].next <= t)
				ask(i, t);
			if (!all.c[i].waits)
				next = fmin(next, all.c[i].next);
		}
		if (poll(all.fd, (nfds_t)all.n, (int)fmax(0, ceil((next - t) * 1e3))) < 0)
			die("poll");
		t = now();
		for (int i = 0; i < all.n; i++)
			if (all.fd[i].revents)
				hear(i, t);
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	int least = INT32_MAX, most = 0;
	double seconds;

	if (argc < 7 || argc > 8) {
		fputs("usage: goodput PORT MODEL CONNECTIONS SECONDS RATE TIMEOUT_MS [SPREAD]\n",
		      stderr);
		return 2;
	}
	seconds = atof(argv[4]);
	all.timeout = atof(argv[6]) * 1e-3;
	prepare(atoi(argv[1]), argv[2], atoi(argv[3]), atof(argv[5]), argc > 7 ? atof(argv[7]) : 1);
	run(seconds);
	qsort(all.times, (size_t)all.good, sizeof(*all.times), by_size);
	for (int i = 0; i < all.n; i++) {
		least = all.c[i].good < least ? all.c[i].good : least;
		most = all.c[i].good > most ? all.c[i].good : most;
	}
	printf("{\"sent_per_s\": %.1f, \"good_per_s\": %.1f, \"late\": %ld, \"refused\": %ld, "
	       "\"failed\": %ld, \"p50_ms\": %.1f, \"p99_ms\": %.1f, \"least\": %d, \"most\": "
	       "%d}\n",
	       (double)all.sent / seconds, (double)all.good / seconds, all.late, all.refused,
	       all.failed, all.good ? all.times[all.good / 2] * 1e3 : 0,
	       all.good ? all.times[all.good * 99 / 100] * 1e3 : 0, least, most);
	return all.failed != 0;
}

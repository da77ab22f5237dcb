// SPDX-License-Identifier: Apache-2.0
/*
 * A good client's times at an Open Inference Protocol server, alone and beside neighbours that take
 * all they can:
 *
 *   neighbours PORT MODEL PID SECONDS
 *
 * The good client is at 127.0.0.1. It sends an image of 32 x 32 pixels, and asks for the server's
 * health, every 20 ms. Neighbours are at 127.0.0.2. PID is the server's, for its memory. A line for
 * each kind of neighbour.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY	 3072
#define WITHHELD 4096
#define TIMES	 100000

static struct {
	int port;
	char model[128];
	bool over;  /* atomic */
	long asked; /* atomic; by neighbours */
} all;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool goes_on(void)
{
	return !__atomic_load_n(&all.over, __ATOMIC_RELAXED);
}

static int dial(const char *from)
{
	struct sockaddr_in own = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
	struct timeval limit = {30, 0};
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	inet_pton(AF_INET, from, &own.sin_addr);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)all.port);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&own, sizeof(own)) ||
			connect(fd, (struct sockaddr *)&to, sizeof(to)))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool say(int fd, const void *data, size_t size)
{
	return fd >= 0 && send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* The status of an answer; 0: none came. */
static int hear(int fd)
{
	char text[8192];
	size_t have = 0;

	while (have < sizeof(text) - 1) {
		ssize_t n = recv(fd, text + have, sizeof(text) - 1 - have, 0);
		char *end, *length;

		if (n <= 0)
			return 0;
		have += (size_t)n;
		text[have] = 0;
		end = strstr(text, "\r\n\r\n");
		length = strstr(text, "\nContent-Length: ");
		if (end && length &&
		    have >= (size_t)(end + 4 - text) + strtoul(length + 17, NULL, 10))
			return atoi(text + 9);
	}
	return 0;
}

/* A request with so many bytes of body; returns the bytes of its head. */
static int head(char *text, size_t room, const char *model, const char *header, size_t body)
{
	return snprintf(text, room,
			"POST /v2/models/%s/infer HTTP/1.1\r\nHost: x\r\n%sContent-Length: "
			"%zu\r\n\r\n",
			model, header, body);
}

/* --- neighbours ------------------------------------------------------------------------- */

/* Bodies that do not come, 4,096 of them. */
static void *withhold(void *unused)
{
	static int fd[WITHHELD];
	char text[300];
	int n = head(text, sizeof(text) - 1, all.model, "", 9000);

	(void)unused;
	text[n++] = '{';
	for (int i = 0; i < WITHHELD; i++)
		fd[i] = -1;
	for (int i = 0; goes_on(); i = (i + 1) % WITHHELD) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = dial("127.0.0.2");
		if (say(fd[i], text, (size_t)n))
			__atomic_add_fetch(&all.asked, 1, __ATOMIC_RELAXED);
	}
	for (int i = 0; i < WITHHELD; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return NULL;
}

/* Asks the same for ever, on connections that are made anew when they end. */
static void repeat(const char *text, size_t size)
{
	int fd = -1;

	while (goes_on()) {
		if (fd < 0)
			fd = dial("127.0.0.2");
		if (say(fd, text, size) && hear(fd)) {
			__atomic_add_fetch(&all.asked, 1, __ATOMIC_RELAXED);
			continue;
		}
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	if (fd >= 0)
		close(fd);
}

/* Eight images as JSON, with as much room around the numbers as may be. */
static void *largest_json(void *unused)
{
	size_t size = 8 * BODY * 26 + 60000;
	char *text = malloc(size + 400), *body;
	int n = head(text, 400, all.model, "", size);

	(void)unused;
	body = text + n;
	memset(body, ' ', size);
	n += snprintf(body, size,
		      "{\"inputs\":[{\"name\":\"image\",\"shape\":[8,32,32,3],\"datatype\":"
		      "\"UINT8\",\"data\":[0");
	body[strlen(body)] = ' ';
	for (int i = 1; i < 8 * BODY; i++)
		memcpy(body + 200 + (size_t)i * 25, ",0", 2);
	memcpy(body + size - 4, "]}]}", 4);
	repeat(text, (size_t)(body - text) + size);
	free(text);
	return NULL;
}

static void *heads(void *unused)
{
	char text[300];
	int n = head(text, sizeof(text), "nothing", "", 0);

	(void)unused;
	repeat(text, (size_t)n);
	return NULL;
}

/* A raw image that lacks a byte. */
static void *bad_items(void *unused)
{
	static char text[BODY + 300];
	int n = head(text, 300, all.model, "Inference-Header-Content-Length: 0\r\n", BODY - 1);

	(void)unused;
	repeat(text, (size_t)n + BODY - 1);
	return NULL;
}

/* --- the good client ----------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double asked_ms(int fd, const char *text, size_t size)
{
	double t = now_ms();

	return say(fd, text, size) && hear(fd) == 200 ? now_ms() - t : -1;
}

static long resident_mb(const char *pid)
{
	char path[64], line[200];
	long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb / 1024;
}

static void measure(const char *name, double seconds, const char *pid)
{
	static const char ready[] = "GET /v2/health/ready HTTP/1.1\r\nHost: x\r\n\r\n";
	static double ms[TIMES];
	static char text[BODY + 300];
	int n = head(text, 300, all.model, "Inference-Header-Content-Length: 0\r\n", BODY);
	int fd = dial("127.0.0.1"), good = 0, bad = 0;
	double end = now_ms() + seconds * 1e3, health = 0;

	while (now_ms() < end && good < TIMES) {
		double t = asked_ms(fd, text, (size_t)n + BODY);
		double h = asked_ms(fd, ready, sizeof(ready) - 1);

		if (t >= 0)
			ms[good++] = t;
		bad += (t < 0) + (h < 0);
		health = h > health ? h : health;
		usleep(20000);
	}
	close(fd);
	qsort(ms, (size_t)good, sizeof(*ms), by_size);
	printf("%-28s %6d %6d %8.1f %8.1f %8.1f %10.1f %8ld %10.0f\n", name, good, bad,
	       good ? ms[good / 2] : 0, good ? ms[good * 99 / 100] : 0, good ? ms[good - 1] : 0,
	       health, resident_mb(pid),
	       (double)__atomic_load_n(&all.asked, __ATOMIC_RELAXED) / seconds);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void *(*run)(void *);
		int threads;
	} kinds[] = {{"alone", NULL, 0},
		     {"4,096 bodies that never come", withhold, 1},
		     {"largest JSON, 4 at once", largest_json, 4},
		     {"heads, 16 at once", heads, 16},
		     {"bad items, 4 at once", bad_items, 4},
		     {"alone again", NULL, 0}};
	pthread_t thread[16];

	if (argc != 5) {
		fputs("usage: neighbours PORT MODEL PID SECONDS\n", stderr);
		return 2;
	}
	all.port = atoi(argv[1]);
	snprintf(all.model, sizeof(all.model), "%s", argv[2]);
	printf("%-28s %6s %6s %8s %8s %8s %10s %8s %10s\n", "neighbours", "good", "failed",
	       "p50/ms", "p99/ms", "most/ms", "health/ms", "RSS/MB", "asked/s");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		all.asked = 0;
		__atomic_store_n(&all.over, false, __ATOMIC_RELAXED);
		for (int k = 0; k < kinds[i].threads; k++)
			if (pthread_create(&thread[k], NULL, kinds[i].run, NULL))
				return 1;
		if (kinds[i].threads)
			sleep(1);
		measure(kinds[i].name, atof(argv[4]), argv[3]);
		__atomic_store_n(&all.over, true, __ATOMIC_RELAXED);
		for (int k = 0; k < kinds[i].threads; k++)
			pthread_join(thread[k], NULL);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A cloud for tests that answers looks as it should and images with a fault. Images are SIDE x SIDE
 * pixels, answers have CLASSES logits; who includes this says so. */
#ifndef CLOUD_FAULTY_H
#define CLOUD_FAULTY_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum fault {
	FAULT_NONE,
	FAULT_GARBAGE,	 /* bytes that are no HTTP */
	FAULT_TRUNCATED, /* less than Content-Length says */
	FAULT_SHAPE,	 /* logits of another shape */
	FAULT_NO_JSON,	 /* HTTP, but no answer of the protocol */
	FAULT_503,
	FAULT_500,
	FAULT_400_RAW, /* to raw requests only */
	FAULT_CLOSE,   /* without a word */
	FAULT_SILENT,  /* keeps the connection, says nothing */
};

struct faulty {
	int listen_fd, port;
	char url[64];
	enum fault fault; /* may change while it runs */
	int infers;	  /* requests for images */
	int healthy;	  /* looks are answered as they should be */
	bool stop;
	pthread_t thread;
};

static void reply(int fd, int status, const char *headers, const char *body)
{
	char text[8192];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s",
			 status, strlen(body), headers, body);

	if (write(fd, text, (size_t)n) != n)
		return;
}

/* Logits of shape [1, n], the last of which is the largest. */
static void reply_logits(int fd, int n)
{
	char body[4096];
	int at = snprintf(body, sizeof(body),
			  "{\"model_name\":\"m\",\"outputs\":[{\"name\":\"logits\","
			  "\"datatype\":\"FP32\",\"shape\":[1,%d],\"data\":[9",
			  n);

	for (int i = 1; i < n; i++)
		at += snprintf(body + at, sizeof(body) - (size_t)at, ",0");
	snprintf(body + at, sizeof(body) - (size_t)at, "]}]}");
	reply(fd, 200, "", body);
}

/* Returns false when the connection is to end. */
static bool reply_infer(struct faulty *f, int fd, bool raw)
{
	__atomic_add_fetch(&f->infers, 1, __ATOMIC_RELAXED);
	switch (f->fault) {
	case FAULT_GARBAGE:
		if (write(fd, "\x16\x03 nonsense\n\n", 12) != 12)
			return false;
		return false;
	case FAULT_TRUNCATED:
		if (write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"outputs\":", 52) <
		    0)
			return false;
		return false;
	case FAULT_SHAPE:
		reply_logits(fd, CLASSES + 1);
		return true;
	case FAULT_NO_JSON:
		reply(fd, 200, "", "<html>Welcome</html>");
		return true;
	case FAULT_503:
		reply(fd, 503, "Retry-After: 1\r\n", "{\"error\":\"busy\"}");
		return true;
	case FAULT_500:
		reply(fd, 500, "", "{\"error\":\"broken\"}");
		return true;
	case FAULT_CLOSE:
		return false;
	case FAULT_SILENT:
		while (!f->stop && f->fault == FAULT_SILENT)
			usleep(5000);
		return false;
	case FAULT_400_RAW:
		if (raw) {
			reply(fd, 400, "", "{\"error\":\"raw is not known\"}");
			return true;
		}
		break;
	case FAULT_NONE:
		break;
	}
	reply_logits(fd, CLASSES);
	return true;
}

static bool reply_look(struct faulty *f, int fd, const char *head)
{
	char model[512];

	snprintf(model, sizeof(model),
		 "{\"name\":\"m\",\"platform\":\"x\",\"inputs\":[{\"name\":\"image\","
		 "\"datatype\":\"UINT8\",\"shape\":[-1,%d,%d,3]}],\"outputs\":[{\"name\":"
		 "\"logits\",\"datatype\":\"FP32\",\"shape\":[-1,%d]}]}",
		 SIDE, SIDE, CLASSES);
	if (!f->healthy)
		reply(fd, 400, "", "");
	else if (strstr(head, "/v2/health"))
		reply(fd, 200, "", "");
	else if (strstr(head, "/v2/models"))
		reply(fd, 200, "", model);
	else
		reply(fd, 200, "", "{\"name\":\"x\",\"extensions\":[\"binary_tensor_data\"]}");
	return true;
}

struct faulty_connection {
	struct faulty *f;
	int fd;
};

static void *faulty_talk(void *arg)
{
	struct faulty_connection c = *(struct faulty_connection *)arg;
	char text[8192];
	size_t have = 0;
	bool good = true;

	free(arg);
	while (good && !c.f->stop) {
		char *end, *length;
		size_t need;
		ssize_t n = recv(c.fd, text + have, sizeof(text) - 1 - have, 0);

		if (n <= 0)
			break;
		have += (size_t)n;
		text[have] = 0;
		end = strstr(text, "\r\n\r\n");
		if (!end)
			continue;
		length = strstr(text, "Content-Length: ");
		/* "Inference-Header-Content-Length" ends in the same words. */
		if (length && length > text && length[-1] == '-')
			length = strstr(length + 1, "\nContent-Length: ");
		if (length && *length == '\n')
			length++;
		need = (size_t)(end + 4 - text) +
		       (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
		if (have < need)
			continue;
		good = strstr(text, "/infer ")
			       ? reply_infer(c.f, c.fd, strstr(text, "Header-Content-Length: 0\r"))
			       : reply_look(c.f, c.fd, text);
		have = 0;
	}
	close(c.fd);
	return NULL;
}

static void *faulty_run(void *arg)
{
	struct faulty *f = arg;
	int fd;

	while ((fd = accept(f->listen_fd, NULL, NULL)) >= 0) {
		struct faulty_connection *c = malloc(sizeof(*c));
		struct timeval limit = {30, 0};
		pthread_t t;

		*c = (struct faulty_connection){f, fd};
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		if (pthread_create(&t, NULL, faulty_talk, c) == 0)
			pthread_detach(t);
	}
	return NULL;
}

/* Starts it on a free port; false when it cannot. */
static bool faulty_start(struct faulty *f, enum fault fault)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	memset(f, 0, sizeof(*f));
	f->fault = fault;
	f->healthy = 1;
	f->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(f->listen_fd, (struct sockaddr *)&a, sizeof(a)) || listen(f->listen_fd, 64))
		return false;
	getsockname(f->listen_fd, (struct sockaddr *)&a, &len);
	f->port = ntohs(a.sin_port);
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d/v2/models/m", f->port);
	return pthread_create(&f->thread, NULL, faulty_run, f) == 0;
}

/* f must live on: connections of its threads may. */
static void faulty_stop(struct faulty *f)
{
	f->stop = true;
	shutdown(f->listen_fd, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->listen_fd);
}

#endif

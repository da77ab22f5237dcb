/* SPDX-License-Identifier: Apache-2.0 */
/* A client of cloud_fake.h's server that writes its requests byte by byte and so may misbehave. */
#ifndef CLOUD_WIRE_H
#define CLOUD_WIRE_H

#include "cloud_fake.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Connects from that address of loopback, as another machine would; NULL: from the usual one. */
static int dial_from(const struct cloud *c, const char *from)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_in own = {.sin_family = AF_INET};
	struct timeval limit = {20, 0};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (from) {
		cr_assert_eq(inet_pton(AF_INET, from, &own.sin_addr), 1);
		cr_assert_eq(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	}
	a.sin_port = htons((uint16_t)mea_server_port(c->server));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static int dial(const struct cloud *c)
{
	return dial_from(c, NULL);
}

static void say(int fd, const void *data, size_t size)
{
	cr_assert_eq(send(fd, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* Reads one answer; returns its status, 0 when the connection ends instead. */
static int hear(int fd, char *text, size_t room)
{
	size_t have = 0;
	int status = 0;

	for (;;) {
		char *end, *length;
		ssize_t n = recv(fd, text + have, room - 1 - have, 0);

		if (n <= 0)
			return 0;
		have += (size_t)n;
		text[have] = 0;
		end = strstr(text, "\r\n\r\n");
		length = strstr(text, "\nContent-Length: ");
		if (!end || !length)
			continue;
		if (have < (size_t)(end + 4 - text) + strtoul(length + 17, NULL, 10))
			continue;
		cr_assert_eq(sscanf(text, "HTTP/1.1 %d", &status), 1);
		return status;
	}
}

static void ask(int fd, uint8_t first, const char *headers)
{
	uint8_t rgb[PIXELS] = {first};
	char head[400];
	int n = snprintf(head, sizeof(head),
			 "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\n"
			 "Inference-Header-Content-Length: 0\r\nContent-Length: %d\r\n%s\r\n",
			 PIXELS, headers);

	memcpy(head + n, rgb, sizeof(rgb));
	say(fd, head, (size_t)n + sizeof(rgb));
}

static uint64_t metric(const struct cloud *c, const char *name)
{
	char text[16384], *at;
	int fd = dial(c);

	say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 34);
	cr_assert_eq(hear(fd, text, sizeof(text)), 200);
	close(fd);
	at = strstr(text, name);
	while (at && at[-1] != '\n')
		at = strstr(at + 1, name);
	cr_assert_not_null(at, "%s", name);
	at = strchr(at, ' ');
	return strtoull(at, NULL, 10);
}

#endif

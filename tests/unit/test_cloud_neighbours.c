// SPDX-License-Identifier: Apache-2.0
/* Clients that take all they can, and what they leave to others. Nothing here measures time. */
#include <criterion/criterion.h>

#define SIDE	4
#define CLASSES 6
#define PIXELS	(SIDE * SIDE * 3)
#include "cloud_wire.h"

#include <pthread.h>

#define BAD "127.0.0.2"

TestSuite(neighbours, .timeout = 60);

/* The status of a question about health; 0: the connection ended. */
static int health(int fd)
{
	static const char head[] = "GET /v2/health/ready HTTP/1.1\r\nHost: x\r\n\r\n";
	char text[4096];

	if (send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL) < 0)
		return 0;
	/* The answer has no body, but says so. */
	return hear(fd, text, sizeof(text));
}

Test(neighbours, one_address_has_its_share_of_the_connections)
{
	struct mea_server_options http = MEA_SERVER_OPTIONS_INIT;
	int fd[10], good = 0, other, again = 0;
	struct cloud c;

	http.connections = 8;
	cloud_start(&c, NULL, &http, 0);
	for (int i = 0; i < 10; i++) {
		fd[i] = dial_from(&c, BAD);
		good += health(fd[i]) == 200;
	}
	cr_expect_eq(good, 4);
	other = dial(&c);
	cr_expect_eq(health(other), 200);
	close(other);
	cr_expect_eq(metric(&c, "mea_http_address_limited_total"), 6);
	for (int i = 0; i < 10; i++)
		close(fd[i]);
	/* The server sees the ends when it comes to them. */
	for (int i = 0; i < 1000 && !again; i++) {
		other = dial_from(&c, BAD);
		again = health(other) == 200;
		close(other);
	}
	cr_expect(again);
	cloud_stop(&c);
}

Test(neighbours, one_address_has_its_share_of_the_memory_for_bodies)
{
	static const char head[] = "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\n"
				   "Content-Length: 2000\r\n\r\n{";
	struct mea_server_options http = MEA_SERVER_OPTIONS_INIT;
	char text[4096];
	struct cloud c;
	int held[5], fd;

	/* All bodies may have 8,000 bytes, those of an address half of it. */
	http.max_body = 2000;
	cloud_start(&c, NULL, &http, 0);
	for (int i = 0; i < 5; i++) {
		held[i] = dial_from(&c, BAD);
		say(held[i], head, sizeof(head) - 1);
		/* The server has read it when it has answered the next one. */
		fd = dial(&c);
		cr_expect_eq(health(fd), 200);
		close(fd);
		if (i < 2)
			continue;
		cr_expect_eq(hear(held[i], text, sizeof(text)), 503);
		cr_expect(strstr(text, "that this address may have"), "%s", text);
	}
	fd = dial(&c);
	ask(fd, 0, "");
	cr_expect_eq(hear(fd, text, sizeof(text)), 200, "%s", text);
	close(fd);
	for (int i = 0; i < 5; i++)
		close(held[i]);
	cloud_stop(&c);
}

/* --- all at once -------------------------------------------------------------------------- */

static struct neighbourhood {
	struct cloud c;
	bool over; /* atomic */
} all;

static bool goes_on(void)
{
	return !__atomic_load_n(&all.over, __ATOMIC_RELAXED);
}

/* Connections whose bodies never come; the server cuts some off, and they come back. */
static void *withhold(void *unused)
{
	static const char head[] = "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\n"
				   "Content-Length: 9000\r\n\r\n{";
	int fd[60];

	(void)unused;
	for (int i = 0; i < 60; i++)
		fd[i] = -1;
	for (int i = 0; goes_on(); i = (i + 1) % 60) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = dial_from(&all.c, BAD);
		(void)!send(fd[i], head, sizeof(head) - 1, MSG_NOSIGNAL);
	}
	for (int i = 0; i < 60; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return NULL;
}

/* The largest body that the model's shape allows, of JSON that says nothing. */
static void *largest_json(void *unused)
{
	char head[200], text[4096];
	size_t size = 74000;
	char *body = malloc(size);
	int n = snprintf(head, sizeof(head),
			 "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\n"
			 "Content-Length: %zu\r\n\r\n",
			 size);

	(void)unused;
	memset(body, ' ', size);
	memcpy(body, "[", 1);
	while (goes_on()) {
		int fd = dial_from(&all.c, "127.0.0.3");

		if (send(fd, head, (size_t)n, MSG_NOSIGNAL) == n &&
		    send(fd, body, size, MSG_NOSIGNAL) == (ssize_t)size)
			hear(fd, text, sizeof(text));
		close(fd);
	}
	free(body);
	return NULL;
}

/* Heads without end, on one connection and on new ones. */
static void *heads(void *unused)
{
	static const char head[] = "POST /v2/models/nothing/infer HTTP/1.1\r\nHost: x\r\n"
				   "Content-Length: 0\r\n\r\n";

	(void)unused;
	while (goes_on()) {
		int fd = dial_from(&all.c, "127.0.0.4");
		char text[4096];

		for (int i = 0; i < 20 && goes_on(); i++) {
			if (send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL) < 0 ||
			    hear(fd, text, sizeof(text)) != 404)
				break;
		}
		close(fd);
	}
	return NULL;
}

/* Images that the model fails on, beside good ones in their batches. */
static void *bad_items(void *count)
{
	int fd = dial_from(&all.c, "127.0.0.5");

	while (goes_on()) {
		char text[4096];

		ask(fd, 255, "");
		if (hear(fd, text, sizeof(text)) == 400)
			(*(int *)count)++;
	}
	close(fd);
	return NULL;
}

Test(neighbours, a_good_client_gets_all_its_answers)
{
	void *(*const bad[])(void *) = {withhold, largest_json, heads, bad_items};
	struct mea_server_options http = MEA_SERVER_OPTIONS_INIT;
	struct mea_served_options m = model_options();
	pthread_t thread[4];
	int right = 0, failed = 0, fd = -1;
	char text[4096];

	http.connections = 64;
	http.max_body = 80000;
	m.max_delay_us = 200;
	fake_model.picky = true;
	cloud_start(&all.c, &m, &http, 0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, bad[i], &failed), 0);
	for (int i = 0; i < 300; i++) {
		/* A connection of its own now and then. */
		if (i % 10 == 0)
			fd = dial(&all.c);
		cr_expect_eq(health(fd), 200);
		ask(fd, (uint8_t)(i % 100), "");
		right += hear(fd, text, sizeof(text)) == 200 && !strstr(text, "is bad");
		if (i % 10 == 9)
			close(fd);
	}
	cr_expect_eq(right, 300);
	__atomic_store_n(&all.over, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	cr_expect_gt(failed, 0);
	cr_expect_gt(metric(&all.c, "mea_http_address_limited_total"), 0);
	cr_expect_geq(metric(&all.c, "mea_inference_request_success_total"), 300);
	cloud_stop(&all.c);
}

// SPDX-License-Identifier: Apache-2.0
/* What the server makes of heads of requests, and how much of bodies it takes. */
#include <criterion/criterion.h>

#define SIDE	4
#define CLASSES 6
#define PIXELS	(SIDE * SIDE * 3)
#include "cloud_wire.h"

TestSuite(heads, .timeout = 60);

/* The status of the answer to a head, 0: none. ends: whether the connection does, too. */
static int status_of(const struct cloud *c, const char *head, bool *ends)
{
	char text[4096];
	int fd = dial(c), status;

	say(fd, head, strlen(head));
	status = hear(fd, text, sizeof(text));
	if (status && ends)
		*ends = strstr(text, "Connection: close") != NULL && !hear(fd, text, sizeof(text));
	close(fd);
	return status;
}

Test(heads, what_http_forbids)
{
	static const char *const bad[] = {
		"GET /v2 HTTP/1.1\r\n\r\n",
		"GET /v2 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET /v2 HTTP/1.1\r\nHost: a\r\nFoo : b\r\n\r\n",
		"GET /v2 HTTP/1.1\r\nHost: a\r\nFo(o: b\r\n\r\n",
		"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
		"Content-Length: 40\r\n\r\nGET /v2 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: "
		"5\r\n\r\nabcde",
		"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde",
		"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nabcde",
		"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: zip\r\n\r\n",
		"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, "
		"chunked\r\n\r\n0\r\n\r\n",
		"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
		"Content-Length: 5\r\n\r\n0\r\n\r\n",
	};
	struct cloud c;

	cloud_start(&c, NULL, NULL, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		bool ends = false;

		cr_expect_eq(status_of(&c, bad[i], &ends), 400, "%s", bad[i]);
		cr_expect(ends, "what follows is no second request: %s", bad[i]);
	}
	cr_expect_eq(status_of(&c, "GET /v2 HTTP/1.0\r\n\r\n", NULL), 200, "1.0 knows no Host");
	cr_expect_eq(fake_model.runs, 0);
	cloud_stop(&c);
}

Test(heads, paths_and_methods)
{
	static const struct {
		const char *line;
		int status;
	} rows[] = {
		{"GET /v2", 200},
		{"HEAD /v2/health/ready", 200},
		{"GET /v2/health%2Fready", 404},
		{"GET /v2//health/ready", 404},
		{"GET /v2/models/m%00", 404},
		{"GET /v2/models/%6D", 200},
		{"PUT /v2", 405},
		{"DELETE /v2/models/m", 405},
		{"PUT /v2/repository/index", 405},
		{"GET /v2/models/m/infer", 405},
		{"OPTIONS /v2/models/m/infer", 405},
		{"PUT /nothing", 404},
	};
	struct cloud c;

	cloud_start(&c, NULL, NULL, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char head[200], text[4096];
		int fd = dial(&c), n = snprintf(head, sizeof(head),
						"%s HTTP/1.1\r\nHost: x\r\n\r\n", rows[i].line);

		say(fd, head, (size_t)n);
		cr_assert_gt(recv(fd, text, sizeof(text) - 1, 0), 12);
		cr_expect_eq(atoi(text + 9), rows[i].status, "%s", rows[i].line);
		close(fd);
	}
	cloud_stop(&c);
}

Test(heads, what_is_not_there_is_refused_before_its_body)
{
	static const struct {
		const char *head;
		int status;
	} rows[] = {
		{"POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n", 404},
		{"POST /v2/models/other/infer HTTP/1.1\r\nHost: x\r\nContent-Length: "
		 "60000000\r\n\r\n",
		 404},
		{"POST /v2/models/other/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n",
		 404},
		{"GET /v2/health/ready HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n",
		 200},
		/* Far below --max-body, but more than eight images of 4 x 4 can need. */
		{"POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
		 413},
	};
	struct cloud c;

	cloud_start(&c, NULL, NULL, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool ends = false;

		cr_expect_eq(status_of(&c, rows[i].head, &ends), rows[i].status, "%s",
			     rows[i].head);
		cr_expect(ends, "%s", rows[i].head);
	}
	cr_expect_eq(metric(&c, "mea_http_oversized_total"), 1);
	cloud_stop(&c);
}

Test(heads, bodies_under_way_have_a_budget)
{
	struct mea_server_options http = MEA_SERVER_OPTIONS_INIT;
	char text[4096];
	struct cloud c;
	int held[8], fd;

	/* Four bodies of the largest size; each of these announces half of one. */
	http.max_body = 2000;
	cloud_start(&c, NULL, &http, 0);
	for (int i = 0; i < 8; i++) {
		const char *head = "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\n"
				   "Content-Length: 1000\r\n\r\n{";

		held[i] = dial(&c);
		say(held[i], head, strlen(head));
		usleep(10000);
	}
	fd = dial(&c);
	ask(fd, 0, "");
	cr_expect_eq(hear(fd, text, sizeof(text)), 503);
	cr_expect(strstr(text, "bodies of other requests"), "%s", text);
	close(fd);
	close(held[0]);
	usleep(200000);
	fd = dial(&c);
	ask(fd, 0, "");
	cr_expect_eq(hear(fd, text, sizeof(text)), 200, "memory is given back");
	close(fd);
	for (int i = 1; i < 8; i++)
		close(held[i]);
	cloud_stop(&c);
}

/* Large bodies are parsed by a thread of their own; the answers are the same. */
Test(heads, a_large_body)
{
	static char body[60000], head[200], text[8192];
	struct cloud c;
	int fd, n, at;

	cloud_start(&c, NULL, NULL, 0);
	for (int turn = 0; turn < 3; turn++) {
		memset(body, ' ', sizeof(body));
		at = snprintf(body, sizeof(body),
			      "{\"inputs\":[{\"name\":\"image\",\"shape\":[1,%d,%d,3],\"datatype\":"
			      "\"UINT8\",\"data\":[4",
			      SIDE, SIDE);
		for (int i = 1; i < PIXELS; i++)
			at += snprintf(body + at, sizeof(body) - (size_t)at, ",0");
		/* The last one is cut off. */
		at += snprintf(body + at, sizeof(body) - (size_t)at, turn < 2 ? "]}]}" : "]");
		body[at] = ' ';
		n = snprintf(head, sizeof(head),
			     "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: "
			     "%zu\r\n\r\n",
			     sizeof(body));
		fd = dial(&c);
		say(fd, head, (size_t)n);
		say(fd, body, sizeof(body));
		cr_expect_eq(hear(fd, text, sizeof(text)), turn < 2 ? 200 : 400, "%s", text);
		cr_expect(turn == 2 || strstr(text, "\"data\":[0.0,0.0,0.0,0.0,9.0,0.0]"), "%s",
			  text);
		close(fd);
	}
	cloud_stop(&c);
}

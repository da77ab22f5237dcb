// SPDX-License-Identifier: Apache-2.0
/* The server under load and abuse; tests/e2e/test_serve.sh has its answers one by one. */
#include <criterion/criterion.h>

#define SIDE	4
#define CLASSES 6
#define PIXELS	(SIDE * SIDE * 3)
#include "cloud_wire.h"

#include <poll.h>
#include <pthread.h>

TestSuite(server, .timeout = 60);

Test(server, answers_many_on_one_connection)
{
	char text[4096];
	struct cloud c;
	int fd;

	cloud_start(&c, NULL, NULL, 0);
	fd = dial(&c);
	for (int i = 0; i < 200; i++) {
		ask(fd, (uint8_t)i, "");
		cr_assert_eq(hear(fd, text, sizeof(text)), 200);
	}
	close(fd);
	cr_expect_eq(metric(&c, "mea_inference_request_success_total"), 200);
	cloud_stop(&c);
}

Test(server, requests_that_wait_become_a_batch)
{
	struct mea_served_options m = model_options();
	char text[4096];
	struct cloud c;
	int fd[20];

	model_threads = 1;
	fake_model.delay_ms = 50;
	cloud_start(&c, &m, NULL, 0);
	for (int i = 0; i < 20; i++) {
		fd[i] = dial(&c);
		ask(fd[i], (uint8_t)i, "");
	}
	for (int i = 0; i < 20; i++) {
		const float *logits;

		cr_assert_eq(hear(fd[i], text, sizeof(text)), 200);
		logits = (const float *)(const void *)(strstr(text, "}]}") + 3);
		for (int k = 0; k < CLASSES; k++) {
			float v;

			memcpy(&v, logits + k, sizeof(v));
			cr_assert_eq(v, k == i % CLASSES ? 9 : 0, "request %d", i);
		}
		close(fd[i]);
	}
	cr_expect_eq(fake_model.items, 20);
	cr_expect_eq(fake_model.largest, 8);
	cr_expect_lt(fake_model.runs, 12);
	cloud_stop(&c);
}

Test(server, company_is_waited_for)
{
	struct mea_served_options m = model_options();
	char text[4096];
	struct cloud c;
	int fd[4];

	model_threads = 1;
	m.max_delay_us = 2000000;
	m.max_batch = 4;
	cloud_start(&c, &m, NULL, 0);
	for (int i = 0; i < 4; i++) {
		fd[i] = dial(&c);
		ask(fd[i], 0, "");
		usleep(20000);
	}
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(hear(fd[i], text, sizeof(text)), 200);
		close(fd[i]);
	}
	cr_expect_eq(fake_model.runs, 1);
	cloud_stop(&c);
}

Test(server, a_full_queue_refuses)
{
	struct mea_served_options m = model_options();
	int fd[12], good = 0, busy = 0;
	char text[4096];
	struct cloud c;

	model_threads = 1;
	m.max_batch = 1;
	m.queue = 3;
	fake_model.delay_ms = 300;
	cloud_start(&c, &m, NULL, 0);
	for (int i = 0; i < 12; i++) {
		fd[i] = dial(&c);
		ask(fd[i], 0, "");
	}
	for (int i = 0; i < 12; i++) {
		int status = hear(fd[i], text, sizeof(text));

		good += status == 200;
		busy += status == 503 && strstr(text, "\nRetry-After: 1\r") &&
			strstr(text, "{\"error\":\"m: 3 requests wait already\"}");
		close(fd[i]);
	}
	cr_expect(good >= 3 && good <= 5 && good + busy == 12, "%d, %d", good, busy);
	cr_expect_eq(metric(&c, "mea_inference_request_rejected_total"), (uint64_t)busy);
	cloud_stop(&c);
}

Test(server, an_expired_request_is_not_computed)
{
	struct mea_served_options m = model_options();
	char text[4096];
	struct cloud c;
	int slow, late;

	model_threads = 1;
	m.max_batch = 1;
	fake_model.delay_ms = 200;
	cloud_start(&c, &m, NULL, 0);
	slow = dial(&c);
	late = dial(&c);
	ask(slow, 0, "");
	usleep(50000);
	ask(late, 0, "timeout: 20000\r\n");
	cr_expect_eq(hear(slow, text, sizeof(text)), 200);
	cr_expect_eq(hear(late, text, sizeof(text)), 503);
	cr_expect(strstr(text, "timeout ran out"), "%s", text);
	cr_expect_eq(fake_model.runs, 1);
	cr_expect_eq(metric(&c, "mea_inference_request_expired_total"), 1);
	/* One that has the time is. */
	ask(late, 0, "timeout: 5000000\r\n");
	cr_expect_eq(hear(late, text, sizeof(text)), 200);
	close(slow);
	close(late);
	cloud_stop(&c);
}

Test(server, a_request_without_time_is_refused_at_the_door)
{
	struct mea_served_options m = model_options();
	char text[4096];
	struct cloud c;
	int fd;

	model_threads = 1;
	m.max_batch = 1;
	fake_model.delay_ms = 100;
	cloud_start(&c, &m, NULL, 0);
	fd = dial(&c);
	ask(fd, 0, "");
	cr_assert_eq(hear(fd, text, sizeof(text)), 200);
	ask(fd, 0, "timeout: 20000\r\n");
	cr_expect_eq(hear(fd, text, sizeof(text)), 503);
	cr_expect(strstr(text, "leaves no time") && strstr(text, "ms are missing"), "%s", text);
	cr_expect(strstr(text, "\nRetry-After: 1\r") && strstr(text, "\nRetry-After-Ms: "), "%s",
		  text);
	cr_expect_eq(fake_model.runs, 1);
	cr_expect_eq(metric(&c, "mea_inference_request_expired_total"), 1);
	close(fd);
	cloud_stop(&c);
}

Test(server, what_a_client_left_is_not_computed)
{
	struct mea_served_options m = model_options();
	char text[4096];
	struct cloud c;
	sem_t gate;
	int first, last;

	sem_init(&gate, 0, 0);
	model_threads = 1;
	m.max_batch = 1;
	fake_model.gate = &gate;
	cloud_start(&c, &m, NULL, 0);
	first = dial(&c);
	ask(first, 0, "");
	while (!__atomic_load_n(&fake_model.begun, __ATOMIC_ACQUIRE))
		usleep(1000);
	for (int i = 0; i < 5; i++) {
		int fd = dial(&c);

		ask(fd, 0, "");
		while (metric(&c, "mea_inference_pending_requests") <= (uint64_t)i)
			usleep(1000);
		close(fd);
	}
	last = dial(&c);
	ask(last, 0, "");
	sem_post(&gate);
	sem_post(&gate);
	cr_expect_eq(hear(first, text, sizeof(text)), 200);
	cr_expect_eq(hear(last, text, sizeof(text)), 200);
	cr_expect_eq(fake_model.runs, 2);
	cr_expect_eq(metric(&c, "mea_inference_request_abandoned_total"), 5);
	close(first);
	close(last);
	cloud_stop(&c);
}

Test(server, a_failing_model_is_an_answer)
{
	char text[4096];
	struct cloud c;
	int fd;

	fake_model.fail = MEA_EIO;
	cloud_start(&c, NULL, NULL, 0);
	fd = dial(&c);
	ask(fd, 0, "");
	cr_expect_eq(hear(fd, text, sizeof(text)), 500);
	cr_expect(strstr(text, "planted in the model"));
	close(fd);
	cloud_stop(&c);
}

Test(server, a_bad_item_costs_its_own_answer)
{
	struct mea_served_options m = model_options();
	char text[4096];
	struct cloud c;
	int fd[4];

	model_threads = 1;
	m.max_delay_us = 2000000;
	m.max_batch = 4;
	fake_model.picky = true;
	cloud_start(&c, &m, NULL, 0);
	for (int i = 0; i < 4; i++) {
		fd[i] = dial(&c);
		ask(fd[i], i == 1 ? 255 : 0, "");
		usleep(20000);
	}
	for (int i = 0; i < 4; i++) {
		cr_expect_eq(hear(fd[i], text, sizeof(text)), i == 1 ? 400 : 200, "request %d", i);
		cr_expect_eq(strstr(text, "is bad") != NULL, i == 1);
		close(fd[i]);
	}
	/* The batch, then each alone. */
	cr_expect_eq(fake_model.runs, 5);
	cr_expect_eq(metric(&c, "mea_inference_request_success_total"), 3);
	cloud_stop(&c);
}

/* --- abuse ---------------------------------------------------------------------------- */

/* Sends a byte every 50 ms; returns how many ms it took until the server hung up. */
static int drip(int fd, const char *text)
{
	char unused[4096];

	for (int ms = 0; ms < 15000; ms += 50) {
		struct pollfd p = {fd, POLLIN, 0};

		if (send(fd, *text ? text : "x", 1, MSG_NOSIGNAL) < 0)
			return ms;
		text += *text != 0;
		if (poll(&p, 1, 50) > 0 && recv(fd, unused, sizeof(unused), 0) <= 0)
			return ms;
	}
	return 15000;
}

Test(server, slow_heads_and_bodies_are_cut_off)
{
	struct mea_server_options http = MEA_SERVER_OPTIONS_INIT;
	struct cloud c;
	int head, body, idle, n;
	char text[4096];

	http.head_s = http.body_s = http.idle_s = 1;
	cloud_start(&c, NULL, &http, 0);
	head = dial(&c);
	cr_expect_lt(drip(head, "GET /v2 HTTP/1.1\r\nX-a: bbbbbbbbbbbbbbbbbbbbbbbb"), 10000);
	body = dial(&c);
	n = snprintf(text, sizeof(text),
		     "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n");
	say(body, text, (size_t)n);
	cr_expect_lt(drip(body, "{"), 10000);
	/* A connection that idles after its answer goes as well. */
	idle = dial(&c);
	ask(idle, 0, "");
	cr_expect_eq(hear(idle, text, sizeof(text)), 200);
	cr_expect_eq(hear(idle, text, sizeof(text)), 0);
	cr_expect_eq(metric(&c, "mea_http_connections_cut_total"), 3);
	close(head);
	close(body);
	close(idle);
	cloud_stop(&c);
}

Test(server, oversized_requests_are_cut_off)
{
	struct mea_server_options http = MEA_SERVER_OPTIONS_INIT;
	char text[4096], block[1000] = {'x'};
	struct cloud c;
	int fd, n;

	http.max_body = 5000;
	cloud_start(&c, NULL, &http, 0);
	fd = dial(&c);
	n = snprintf(text, sizeof(text),
		     "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 5001\r\n\r\n");
	say(fd, text, (size_t)n);
	cr_expect_eq(hear(fd, text, sizeof(text)), 413);
	cr_expect_eq(hear(fd, text, sizeof(text)), 0, "the connection ends");
	close(fd);
	/* Without a length, chunk after chunk. */
	fd = dial(&c);
	n = snprintf(text, sizeof(text),
		     "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\n"
		     "Transfer-Encoding: chunked\r\n\r\n");
	say(fd, text, (size_t)n);
	for (int i = 0; i < 1000; i++)
		if (send(fd, "3e8\r\n", 5, MSG_NOSIGNAL) < 0 ||
		    send(fd, block, sizeof(block), MSG_NOSIGNAL) < 0 ||
		    send(fd, "\r\n", 2, MSG_NOSIGNAL) < 0)
			break;
	cr_expect_eq(hear(fd, text, sizeof(text)), 0);
	close(fd);
	cr_expect_eq(metric(&c, "mea_http_oversized_total"), 2);
	cloud_stop(&c);
}

Test(server, chunked_requests_are_read)
{
	uint8_t rgb[PIXELS] = {4};
	char text[4096];
	struct cloud c;
	int fd, n;

	cloud_start(&c, NULL, NULL, 0);
	fd = dial(&c);
	n = snprintf(text, sizeof(text),
		     "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\n"
		     "Inference-Header-Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n");
	say(fd, text, (size_t)n);
	/* Many chunks: a byte each. */
	for (int i = 0; i < PIXELS; i++) {
		say(fd, "1\r\n", 3);
		say(fd, rgb + i, 1);
		say(fd, "\r\n", 2);
	}
	say(fd, "0\r\n\r\n", 5);
	cr_expect_eq(hear(fd, text, sizeof(text)), 200);
	close(fd);
	cloud_stop(&c);
}

/* Triton's http_request_many_chunks.py: more chunks than it takes, each of a byte. */
Test(server, very_many_chunks)
{
	struct mea_server_options http = MEA_SERVER_OPTIONS_INIT;
	char text[4096], chunks[6 * 1000];
	struct cloud c;
	int fd, n;

	for (int i = 0; i < 1000; i++)
		memcpy(chunks + 6 * i, "1\r\nx\r\n", 6);
	http.max_body = 200000;
	cloud_start(&c, NULL, &http, 0);
	fd = dial(&c);
	n = snprintf(text, sizeof(text),
		     "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\n"
		     "Inference-Header-Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n");
	say(fd, text, (size_t)n);
	for (int i = 0; i < 70; i++)
		say(fd, chunks, sizeof(chunks));
	say(fd, "0\r\n\r\n", 5);
	cr_expect_eq(hear(fd, text, sizeof(text)), 400);
	cr_expect(strstr(text, "the raw body has 70000 bytes; one item has 48"), "%s", text);
	ask(fd, 0, "");
	cr_expect_eq(hear(fd, text, sizeof(text)), 200, "the connection lives on");
	close(fd);
	cloud_stop(&c);
}

Test(server, clients_that_leave)
{
	char text[4096];
	struct cloud c;
	int fd;

	fake_model.delay_ms = 50;
	cloud_start(&c, NULL, NULL, 0);
	for (int i = 0; i < 40; i++) {
		fd = dial(&c);
		ask(fd, 0, "");
		close(fd);
	}
	fd = dial(&c);
	ask(fd, 0, "");
	cr_expect_eq(hear(fd, text, sizeof(text)), 200);
	close(fd);
	cloud_stop(&c);
}

/* --- its life ----------------------------------------------------------------------------- */

static void *ask_later(void *arg)
{
	static char text[4096];
	int *fd = arg;

	*fd = hear(*fd, text, sizeof(text)) == 200 && strstr(text, "Connection: close") ? 0 : -1;
	return NULL;
}

Test(server, drain_answers_what_is_under_way)
{
	struct cloud c;
	pthread_t t;
	int fd, state;

	fake_model.delay_ms = 300;
	cloud_start(&c, NULL, NULL, 0);
	state = fd = dial(&c);
	ask(fd, 0, "");
	pthread_create(&t, NULL, ask_later, &state);
	usleep(100000);
	cr_expect_eq(mea_server_drain(c.server, 5000), 0, "%s", mea_errmsg());
	pthread_join(t, NULL);
	cr_expect_eq(state, 0, "an answer that says that the connection ends");
	close(fd);
	cloud_stop(&c);
}

Test(server, stop_with_requests_under_way)
{
	struct cloud c;
	int fd[10];

	fake_model.delay_ms = 100;
	cloud_start(&c, NULL, NULL, 0);
	for (int i = 0; i < 10; i++) {
		fd[i] = dial(&c);
		ask(fd[i], 0, "");
	}
	usleep(30000);
	cloud_stop(&c);
	for (int i = 0; i < 10; i++)
		close(fd[i]);
}

static void *reload_often(void *arg)
{
	struct cloud *c = arg;

	for (int i = 0; i < 50; i++) {
		FILE *f = fopen(c->path, "w");

		fprintf(f, "%*s", i + 1, "");
		fclose(f);
		if (mea_repository_reload(c->repository))
			return c;
	}
	return NULL;
}

Test(server, reload_does_not_disturb_requests)
{
	char text[4096];
	struct cloud c;
	pthread_t t;
	void *failed;
	int fd, before;

	cloud_start(&c, NULL, NULL, 0);
	before = fake_model.opens;
	fd = dial(&c);
	pthread_create(&t, NULL, reload_often, &c);
	for (int i = 0; i < 500; i++) {
		ask(fd, 0, "");
		cr_assert_eq(hear(fd, text, sizeof(text)), 200);
	}
	pthread_join(t, &failed);
	cr_expect_null(failed);
	cr_expect_geq(fake_model.opens, before + 50);
	close(fd);
	cloud_stop(&c);
}

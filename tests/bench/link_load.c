// SPDX-License-Identifier: Apache-2.0
/*
 * Load on the client of the cloud, to see what of a link's capacity becomes answers in time:
 *
 *   link_load URL MODEL RATE SECONDS DEADLINE_MS CLIENTS
 *
 * opens CLIENTS clients and asks, with each, about RATE / CLIENTS images of 32x32 a second at even
 * distances; RATE 0: about the next as soon as the last is answered, eight at a time. Prints one
 * line of JSON: images offered, answered in time (of the client that got the fewest also), refused
 * unsent, late after they were sent, and bytes sent.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "mea.h"
#include "offload/client.h"

#define CLIENTS_MAX 16
#define CLASSES	    36 /* of glyphs */
#define AT_A_TIME   8

static struct client {
	struct mea_cloud *cloud;
	long offered, answered, refused, late, other;
	long long bytes;
	int under_way;
} clients[CLIENTS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void on_answer(void *ctx, const struct mea_cloud_answer *a)
{
	struct client *c = ctx;

	pthread_mutex_lock(&lock);
	c->under_way--;
	c->bytes += (long long)a->bytes_up;
	if (!a->error)
		c->answered++;
	else if (!a->tries)
		c->refused++;
	else if (!strcmp(a->missed, "late"))
		c->late++;
	else
		c->other++;
	pthread_mutex_unlock(&lock);
}

static void ask(struct client *c, double deadline_ms)
{
	static unsigned next;
	uint8_t rgb[32 * 32 * 3];

	for (size_t i = 0; i < sizeof(rgb); i++)
		rgb[i] = (uint8_t)((next = next * 1103515245u + 12345u) >> 16);
	pthread_mutex_lock(&lock);
	c->offered++;
	c->under_way++;
	pthread_mutex_unlock(&lock);
	if (mea_cloud_ask(c->cloud, rgb, mea_now_ms() + deadline_ms, on_answer, c))
		exit(1);
}

static void sleep_until(double ms)
{
	double left = ms - mea_now_ms();
	struct timespec t = {(time_t)(left / 1000), (long)(left * 1e6) % 1000000000};

	if (left > 0)
		nanosleep(&t, NULL);
}

static int under_way(const struct client *c)
{
	int n;

	pthread_mutex_lock(&lock);
	n = c->under_way;
	pthread_mutex_unlock(&lock);
	return n;
}

static void load(int n, double rate, double seconds, double deadline_ms)
{
	double start = mea_now_ms(), end = start + seconds * 1000, at = start;

	for (long i = 0; at < end; i++) {
		struct client *c = &clients[i % n];

		if (rate > 0 || under_way(c) < AT_A_TIME)
			ask(c, deadline_ms);
		at = rate > 0 ? start + (double)(i + 1) / rate * 1000 : mea_now_ms() + 1;
		sleep_until(at);
	}
	sleep_until(end);
}

int main(int argc, char **argv)
{
	struct client sum = {0};
	long least = -1;
	int n = argc == 7 ? atoi(argv[6]) : 0;

	if (n < 1 || n > CLIENTS_MAX) {
		fputs("usage: link_load URL MODEL RATE SECONDS DEADLINE_MS CLIENTS\n", stderr);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		struct mea_cloud_options o = {
			.urls = argv[1], .model = argv[2], .classes = CLASSES};

		o.item = (struct mea_oip_item){MEA_U8, 32, 32, 3};
		if (mea_cloud_open(&o, &clients[i].cloud)) {
			fprintf(stderr, "link_load: %s\n", mea_errmsg());
			return 1;
		}
	}
	load(n, atof(argv[3]), atof(argv[4]), atof(argv[5]));
	for (int i = 0; i < n; i++) {
		struct client *c = &clients[i];

		/* What was answered after the end does not count. */
		pthread_mutex_lock(&lock);
		sum.offered += c->offered;
		sum.answered += c->answered;
		sum.refused += c->refused;
		sum.late += c->late;
		sum.other += c->other;
		sum.bytes += c->bytes;
		if (least < 0 || c->answered < least)
			least = c->answered;
		pthread_mutex_unlock(&lock);
	}
	printf("{\"offered\": %ld, \"answered\": %ld, \"least\": %ld, \"refused\": %ld, \"late\": "
	       "%ld, "
	       "\"other\": %ld, \"bytes_up\": %lld}\n",
	       sum.offered, sum.answered, least, sum.refused, sum.late, sum.other, sum.bytes);
	for (int i = 0; i < n; i++)
		mea_cloud_close(clients[i].cloud);
	return 0;
}

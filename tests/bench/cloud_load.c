// SPDX-License-Identifier: Apache-2.0
/*
 * Load on an Open Inference Protocol server:
 *
 *   load URL CONNECTIONS SECONDS RATE PID
 *
 * keeps CONNECTIONS open and sends 3,072 bytes to URL (.../infer) over them, RATE requests a second
 * at even distances, or, when RATE is 0, the next as soon as the last was answered. Prints one line
 * of JSON: answers and errors, the rate reached, percentiles of the time from when a request was
 * due, and the resident kB of process PID at the start and at the end.
 */
#include <curl/curl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BODY 3072

struct slot {
	CURL *easy;
	double due;
	size_t got;
	bool busy;
};

static struct {
	CURLM *multi;
	struct slot *slots;
	int n, idle, errors;
	double *times;
	size_t answers, capacity;
	char first_error[200];
} load;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static size_t on_body(char *data, size_t one, size_t size, void *ctx)
{
	(void)data;
	(void)one;
	((struct slot *)ctx)->got += size;
	return size;
}

static long resident_kb(const char *pid)
{
	char path[64], line[200];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static bool prepare(const char *url, int connections)
{
	static const char body[BODY];
	struct curl_slist *h = curl_slist_append(NULL, "Inference-Header-Content-Length: 0");

	h = curl_slist_append(h, "Content-Type: application/octet-stream");
	h = curl_slist_append(h, "Expect:");
	load.n = load.idle = connections;
	load.multi = curl_multi_init();
	load.slots = calloc((size_t)connections, sizeof(*load.slots));
	if (!load.multi || !load.slots)
		return false;
	curl_multi_setopt(load.multi, CURLMOPT_MAXCONNECTS, (long)connections);
	for (int i = 0; i < connections; i++) {
		CURL *e = load.slots[i].easy = curl_easy_init();

		if (!e)
			return false;
		curl_easy_setopt(e, CURLOPT_URL, url);
		curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(e, CURLOPT_HTTPHEADER, h);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)BODY);
		curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
		curl_easy_setopt(e, CURLOPT_WRITEDATA, &load.slots[i]);
		curl_easy_setopt(e, CURLOPT_PRIVATE, &load.slots[i]);
		curl_easy_setopt(e, CURLOPT_TIMEOUT, 60L);
	}
	return true;
}

static void start(struct slot *s, double due)
{
	s->due = due;
	s->got = 0;
	s->busy = true;
	load.idle--;
	curl_multi_add_handle(load.multi, s->easy);
}

static void finish(struct slot *s, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(load.multi, s->easy);
	s->busy = false;
	load.idle++;
	if (code || status != 200 || s->got < 100) {
		if (!load.errors++)
			snprintf(load.first_error, sizeof(load.first_error), "%s, status %ld",
				 curl_easy_strerror(code), status);
		return;
	}
	if (load.answers == load.capacity) {
		load.capacity = load.capacity ? 2 * load.capacity : 1024;
		load.times = realloc(load.times, load.capacity * sizeof(*load.times));
		if (!load.times)
			exit(1);
	}
	load.times[load.answers++] = now() - s->due;
}

static void collect(void)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(load.multi, &left))) {
		struct slot *s;

		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
		finish(s, m->data.result);
	}
}

static struct slot *idle_slot(void)
{
	static int at;

	for (int i = 0; i < load.n; i++) {
		at = (at + 1) % load.n;
		if (!load.slots[at].busy)
			return &load.slots[at];
	}
	return NULL;
}

/* Runs for `seconds` and then until all is answered. */
static void run(double seconds, double rate)
{
	double begun = now(), due = begun;
	int running;

	for (;;) {
		double t = now();
		bool over = t - begun >= seconds;

		while (!over && load.idle && (rate <= 0 || due <= t)) {
			start(idle_slot(), rate > 0 ? due : t);
			due += rate > 0 ? 1 / rate : 0;
		}
		if (over && load.idle == load.n)
			return;
		curl_multi_perform(load.multi, &running);
		collect();
		curl_multi_poll(load.multi, NULL, 0,
				rate > 0 ? (int)fmax(0, fmin(1000 / rate, 50)) : 50, NULL);
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	double begun;
	long before;

	if (argc != 6 || !prepare(argv[1], atoi(argv[2]))) {
		fputs("usage: load URL CONNECTIONS SECONDS RATE PID\n", stderr);
		return 2;
	}
	before = resident_kb(argv[5]);
	begun = now();
	run(atof(argv[3]), atof(argv[4]));
	if (!load.answers) {
		fprintf(stderr, "load: no answer: %s\n", load.first_error);
		return 1;
	}
	qsort(load.times, load.answers, sizeof(*load.times), by_size);
	printf("{\"connections\": %d, \"answers\": %zu, \"errors\": %d, \"first_error\": \"%s\", "
	       "\"per_s\": %.1f, \"p50_ms\": %.1f, \"p99_ms\": %.1f, \"rss_kb_before\": %ld, "
	       "\"rss_kb_after\": %ld}\n",
	       load.n, load.answers, load.errors, load.first_error,
	       (double)load.answers / (now() - begun), load.times[load.answers / 2] * 1e3,
	       load.times[load.answers * 99 / 100] * 1e3, before, resident_kb(argv[5]));
	return load.errors != 0;
}

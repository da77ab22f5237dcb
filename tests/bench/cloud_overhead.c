// SPDX-License-Identifier: Apache-2.0
/*
 * What client and server together add to the model's own time, on loopback:
 *
 *   overhead NGINX-URL REQUESTS
 *
 * asks a model of a few microseconds, served in this process, about one image at a time, and
 * fetches NGINX-URL between two of them with a plain libcurl handle on a warm connection.
 */
#include "offload/client.h"
#include "serve/server.h"
#include "base/clock.h"
#include "base/error.h"
#include "graph/graph.h"
#include "meanet/session.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIDE	32
#define CLASSES 36

/* --- a model that costs next to nothing: one mean a row, repeated ----------------------- */

static int make_model(const char *path)
{
	struct mea_shape image = {4, {1, SIDE, SIDE, 3}}, means = {4, {1, SIDE, 1, 1}},
			 flat = {2, {1, SIDE}}, logits = {2, {1, CLASSES}},
			 weights = {2, {SIDE, CLASSES}};
	struct mea_attrs cast = mea_attrs_default(MEA_OP_Cast);
	static const float w[SIDE * CLASSES] = {1};
	struct mea_graph *g;
	int in, f, m, l, k, out, rc = mea_graph_new("tiny", &g);

	if (rc)
		return rc;
	in = mea_graph_add_input(g, "image", MEA_U8, &image);
	g->values[in].dynamic = true;
	f = mea_graph_add_value(g, "float", MEA_F32, &image);
	m = mea_graph_add_value(g, "means", MEA_F32, &means);
	l = mea_graph_add_value(g, "flat", MEA_F32, &flat);
	k = mea_graph_add_const(g, "weights", MEA_F32, &weights, w);
	out = mea_graph_add_value(g, "logits", MEA_F32, &logits);
	cast.to = MEA_F32;
	mea_graph_add_node(g, MEA_OP_Cast, NULL, &in, 1, f, &cast);
	mea_graph_add_node(g, MEA_OP_GlobalAveragePool, NULL, &f, 1, m, NULL);
	mea_graph_add_node(g, MEA_OP_Flatten, NULL, &m, 1, l, NULL);
	mea_graph_add_node(g, MEA_OP_MatMul, NULL, (int[]){l, k}, 2, out, NULL);
	mea_graph_add_output(g, out);
	rc = mea_graph_sort(g);
	if (!rc)
		rc = mea_graph_write(g, path);
	mea_graph_free(g);
	return rc;
}

/* --- asking --------------------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool done;
	int failed;
	double bytes_down;
} answer = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void on_answer(void *ctx, const struct mea_cloud_answer *a)
{
	(void)ctx;
	pthread_mutex_lock(&answer.lock);
	answer.done = true;
	answer.failed += a->error != 0;
	answer.bytes_down = (double)a->bytes_down;
	pthread_cond_signal(&answer.wake);
	pthread_mutex_unlock(&answer.lock);
}

static double ask(struct mea_cloud *c, const uint8_t *rgb)
{
	double start = mea_now_ms();

	answer.done = false;
	if (mea_cloud_ask(c, rgb, start + 5000, on_answer, NULL))
		return -1;
	pthread_mutex_lock(&answer.lock);
	while (!answer.done)
		pthread_cond_wait(&answer.wake, &answer.lock);
	pthread_mutex_unlock(&answer.lock);
	return mea_now_ms() - start;
}

static size_t forget(char *data, size_t one, size_t size, void *ctx)
{
	(void)data;
	(void)one;
	*(size_t *)ctx += size;
	return size;
}

static double fetch(CURL *h)
{
	double start = mea_now_ms();

	return curl_easy_perform(h) ? -1 : mea_now_ms() - start;
}

/* --- the run ---------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *what, double *ms, int n)
{
	qsort(ms, (size_t)n, sizeof(*ms), by_size);
	printf("%-44s %8.0f %8.0f %8.0f\n", what, ms[n / 2] * 1e3, ms[n * 95 / 100] * 1e3,
	       ms[n * 99 / 100] * 1e3);
}

static int measure(struct mea_cloud *c, struct mea_repository *r, CURL *h, int n)
{
	double *mea = calloc((size_t)n, sizeof(*mea)), *nginx = calloc((size_t)n, sizeof(*nginx));
	struct mea_served *m = mea_repository_find(r, "tiny", NULL);
	static uint8_t rgb[SIDE * SIDE * 3];
	struct mea_served_stats st;
	double compute;

	if (!mea || !nginx || !m)
		return 1;
	for (int i = 0; i < n; i++) {
		mea[i] = ask(c, rgb);
		nginx[i] = fetch(h);
		if (mea[i] < 0 || nginx[i] < 0) {
			fprintf(stderr, "overhead: request %d failed\n", i);
			return 1;
		}
	}
	mea_served_stats(m, &st);
	compute = (double)st.compute.ns / (double)st.compute.count * 1e-3;
	printf("%-44s %8s %8s %8s\n", "microseconds", "median", "p95", "p99");
	print("client and mea serve, 3,072 bytes up", mea, n);
	print("plain libcurl and nginx, static file", nginx, n);
	printf("the model itself, mean: %.0f us; client and server above it: %.0f us (median)\n",
	       compute, mea[n / 2] * 1e3 - compute);
	printf("%d requests, %d failed, %.0f bytes down each\n", n, answer.failed,
	       answer.bytes_down);
	mea_served_put(m);
	free(mea);
	free(nginx);
	return answer.failed != 0;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/mea-overhead-XXXXXX", path[64], url[64];
	struct mea_served_options model = {.ops = &mea_infer_float, .max_batch = 1, .queue = 64};
	struct mea_server_options http = MEA_SERVER_OPTIONS_INIT;
	struct mea_cloud_options cloud = {
		.model = "tiny", .item = {MEA_U8, SIDE, SIDE, 3}, .classes = CLASSES};
	struct mea_repository *r = NULL;
	struct mea_server *s = NULL;
	struct mea_cloud *c = NULL;
	size_t bytes = 0;
	CURL *h;
	int rc = 1;

	if (argc != 3 || !mkdtemp(dir))
		return 2;
	snprintf(path, sizeof(path), "%s/tiny.onnx", dir);
	http.host = "127.0.0.1";
	http.port = 0;
	if (!make_model(path) && !mea_repository_open(path, &model, 1, NULL, &r) &&
	    !mea_server_start(&http, r, &s)) {
		snprintf(url, sizeof(url), "http://127.0.0.1:%d", mea_server_port(s));
		cloud.urls = url;
		rc = mea_cloud_open(&cloud, &c);
	}
	h = curl_easy_init();
	curl_easy_setopt(h, CURLOPT_URL, argv[1]);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, forget);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, &bytes);
	if (rc)
		fprintf(stderr, "overhead: %s\n", mea_errmsg());
	else
		rc = measure(c, r, h, atoi(argv[2]));
	curl_easy_cleanup(h);
	mea_cloud_close(c);
	mea_server_stop(s);
	mea_repository_close(r);
	unlink(path);
	rmdir(dir);
	return rc;
}

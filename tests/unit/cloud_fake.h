/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cloud for tests, in this process: mea's own server with a model that costs nothing. Images
 * are SIDE x SIDE pixels of PIXELS bytes, answers have CLASSES logits; who includes this says so.
 */
#ifndef CLOUD_FAKE_H
#define CLOUD_FAKE_H

#include <criterion/criterion.h>

#include "serve/server.h"
#include "base/error.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- a model: the class is the first byte modulo CLASSES ------------------------------ */

static struct {
	int delay_ms, runs, items, largest;
	int fail;   /* an error for every run */
	bool picky; /* an image that starts with 255 is an error for its run */
	int opens;
	int begun;   /* runs that have begun */
	sem_t *gate; /* each run waits for it, if there is one */
} fake_model;

static const struct mea_infer_ops fake_model_ops;

static int fake_model_open(const char *path, int max_batch, struct mea_infer **out)
{
	struct mea_infer *m = calloc(1, sizeof(*m));

	if (access(path, R_OK)) {
		free(m);
		return mea_fail(MEA_ENOENT, "%s: cannot be read", path);
	}
	m->ops = &fake_model_ops;
	m->engine = "fake";
	m->at_once = max_batch;
	m->io = (struct mea_signature){
		1,
		1,
		{{"image", MEA_U8, {4, {1, SIDE, SIDE, 3}}, true, PIXELS}},
		{{"logits", MEA_F32, {2, {1, CLASSES}}, true, CLASSES * sizeof(float)}},
		true,
	};
	__atomic_add_fetch(&fake_model.opens, 1, __ATOMIC_RELAXED);
	*out = m;
	return 0;
}

static void fake_model_close(struct mea_infer *m)
{
	free(m);
}

static int fake_model_context(struct mea_infer *m, void **context)
{
	(void)m;
	*context = NULL;
	return 0;
}

static void fake_model_context_free(struct mea_infer *m, void *context)
{
	(void)m;
	(void)context;
}

static int cloud_label(const uint8_t *rgb)
{
	return rgb[0] % CLASSES;
}

static int fake_model_run(const struct mea_infer *m, void *context, int n, const void *const *in,
			  void *const *out)
{
	float *logits = out[0];

	(void)m;
	(void)context;
	__atomic_add_fetch(&fake_model.begun, 1, __ATOMIC_RELEASE);
	if (fake_model.gate)
		sem_wait(fake_model.gate);
	usleep((useconds_t)fake_model.delay_ms * 1000);
	__atomic_add_fetch(&fake_model.runs, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&fake_model.items, n, __ATOMIC_RELAXED);
	if (n > fake_model.largest)
		fake_model.largest = n;
	memset(logits, 0, (size_t)n * CLASSES * sizeof(float));
	for (int i = 0; i < n; i++)
		logits[i * CLASSES + cloud_label((const uint8_t *)in[0] + i * PIXELS)] = 9;
	for (int i = 0; i < n && fake_model.picky; i++)
		if (((const uint8_t *)in[0])[i * PIXELS] == 255)
			return mea_fail(MEA_EINVAL, "item %d is bad", i);
	return fake_model.fail ? mea_fail(fake_model.fail, "planted in the model") : 0;
}

static const struct mea_infer_ops fake_model_ops = {
	.platform = "fake",
	.open = fake_model_open,
	.close = fake_model_close,
	.context_new = fake_model_context,
	.context_free = fake_model_context_free,
	.run = fake_model_run,
};

/* --- mea's server with it ----------------------------------------------------------------- */

struct cloud {
	char path[64], url[64];
	struct mea_repository *repository;
	struct mea_server *server;
};

static struct mea_served_options model_options(void)
{
	return (struct mea_served_options){.ops = &fake_model_ops, .max_batch = 8, .queue = 64};
}

static int model_threads = 2;

/* Starts it on a free port, or again on `port`. The model's name is m. */
static void cloud_start(struct cloud *c, const struct mea_served_options *m,
			const struct mea_server_options *http, int port)
{
	struct mea_server_options o = MEA_SERVER_OPTIONS_INIT;
	struct mea_served_options def = model_options();
	char dir[] = "/tmp/mea-cloud-XXXXXX";
	FILE *f;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(c->path, sizeof(c->path), "%s/m.onnx", dir);
	f = fopen(c->path, "w");
	cr_assert_not_null(f);
	fclose(f);
	if (http)
		o = *http;
	o.host = "127.0.0.1";
	o.port = port;
	cr_assert_eq(mea_repository_open(c->path, m ? m : &def, model_threads, NULL,
					 &c->repository),
		     0, "%s", mea_errmsg());
	cr_assert_eq(mea_server_start(&o, c->repository, &c->server), 0, "%s", mea_errmsg());
	snprintf(c->url, sizeof(c->url), "%s://127.0.0.1:%d", o.cert ? "https" : "http",
		 mea_server_port(c->server));
}

static void cloud_stop(struct cloud *c)
{
	mea_server_stop(c->server);
	mea_repository_close(c->repository);
	unlink(c->path);
	*strrchr(c->path, '/') = 0;
	rmdir(c->path);
}

#endif

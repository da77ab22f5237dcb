// SPDX-License-Identifier: Apache-2.0
/* The client's life, and what other threads ask of it. client.c is its thread. */
#include "offload/client_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

#define OPEN_LIMIT_MS 2000

static int copy_options(struct mea_cloud *c, const struct mea_cloud_options *opt)
{
	const char **texts[] = {&c->opt.urls, &c->opt.model, &c->opt.ca, &c->opt.cert, &c->opt.key};
	bool good = true;

	c->opt = *opt;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (*texts[i]) {
			*texts[i] = strdup(*texts[i]);
			good &= *texts[i] != NULL;
		}
	c->logits = calloc((size_t)opt->classes, sizeof(*c->logits));
	return good && c->logits ? 0 : mea_nomem();
}

static int start(struct mea_cloud *c)
{
	int err;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return mea_fail(MEA_ENOMEM, "libcurl cannot be initialised");
	c->multi = curl_multi_init();
	if (!c->multi)
		return mea_nomem();
	err = pthread_create(&c->thread, NULL, mea_cloud_run, c);
	if (err)
		return mea_fail(MEA_ENOMEM, "cannot start a thread: %s", strerror(err));
	c->runs = true;
	return 0;
}

/* Waits until every server was probed, and tells of a wrong model. */
static int await_probes(struct mea_cloud *c)
{
	double until = mea_now_ms() + OPEN_LIMIT_MS;
	struct timespec t = mea_timespec(until);
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	while (c->unknown && pthread_cond_timedwait(&c->probed, &c->lock, &t) != ETIMEDOUT)
		;
	if (c->misfit[0])
		rc = mea_fail(MEA_EINVAL, "%s", c->misfit);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

int mea_cloud_open(const struct mea_cloud_options *opt, struct mea_cloud **out)
{
	struct mea_cloud *c = calloc(1, sizeof(*c));
	int rc;

	*out = NULL;
	if (!c)
		return mea_nomem();
	pthread_mutex_init(&c->lock, NULL);
	mea_cond_init(&c->probed);
	c->asked_end = &c->asked;
	c->missed = "not reachable";
	c->hedges = MEA_HEDGES_MAX;
	c->cwnd = (struct mea_cwnd)MEA_CWND_INIT;
	rc = copy_options(c, opt);
	if (!rc)
		rc = mea_endpoints_parse(c);
	if (!rc)
		rc = start(c);
	if (!rc)
		rc = await_probes(c);
	if (rc) {
		char text[256];

		snprintf(text, sizeof(text), "%s", mea_errmsg());
		mea_cloud_close(c);
		return mea_fail(rc, "%s", text);
	}
	*out = c;
	return 0;
}

static void free_endpoints(struct mea_cloud *c)
{
	for (int i = 0; i < c->n; i++) {
		if (c->endpoints[i].probe)
			mea_transfer_end(c, c->endpoints[i].probe);
		free(c->endpoints[i].base);
		free(c->endpoints[i].model);
	}
}

void mea_cloud_close(struct mea_cloud *c)
{
	if (!c)
		return;
	if (c->runs) {
		pthread_mutex_lock(&c->lock);
		c->stop = true;
		pthread_mutex_unlock(&c->lock);
		curl_multi_wakeup(c->multi);
		pthread_join(c->thread, NULL);
	}
	free_endpoints(c);
	mea_transfer_free_spare(c);
	curl_multi_cleanup(c->multi);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->probed);
	free((char *)(uintptr_t)c->opt.urls);
	free((char *)(uintptr_t)c->opt.model);
	free((char *)(uintptr_t)c->opt.ca);
	free((char *)(uintptr_t)c->opt.cert);
	free((char *)(uintptr_t)c->opt.key);
	free(c->logits);
	free(c);
}

/* --- asking ------------------------------------------------------------------------------ */

const char *mea_cloud_missed(struct mea_cloud *c)
{
	const char *missed;

	pthread_mutex_lock(&c->lock);
	missed = c->missed;
	pthread_mutex_unlock(&c->lock);
	return missed;
}

int mea_cloud_ask(struct mea_cloud *c, const void *item, double deadline_ms, mea_cloud_done done,
		  void *ctx)
{
	size_t size = mea_oip_item_bytes(&c->opt.item);
	struct call *call = calloc(1, sizeof(*call) + size);

	if (!call)
		return mea_nomem();
	memcpy(call->item, item, size);
	call->begun = mea_now_ms();
	call->deadline = deadline_ms;
	call->done = done;
	call->ctx = ctx;
	pthread_mutex_lock(&c->lock);
	*c->asked_end = call;
	c->asked_end = &call->next;
	pthread_mutex_unlock(&c->lock);
	curl_multi_wakeup(c->multi);
	return 0;
}

void mea_cloud_link(struct mea_cloud *c, struct mea_link *link)
{
	pthread_mutex_lock(&c->lock);
	*link = c->link;
	pthread_mutex_unlock(&c->lock);
}

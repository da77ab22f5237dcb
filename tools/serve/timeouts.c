// SPDX-License-Identifier: Apache-2.0
#include "serve/timeouts.h"

#include "serve/served.h"
#include "base/clock.h"
#include "base/error.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define LOOK_MS 250

struct watched {
	struct watched *next, **link;
	int fd;
	uint64_t due_ns; /* 0: never */
};

struct mea_timeouts {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct watched *list;
	uint64_t now, cut;
	bool stop;
};

static uint64_t due(int limit_s)
{
	return limit_s ? mea_now_ns() + (uint64_t)limit_s * 1000000000u : 0;
}

static void *watch(void *arg)
{
	struct mea_timeouts *g = arg;

	pthread_mutex_lock(&g->lock);
	while (!g->stop) {
		uint64_t now = mea_now_ns(), until = now + LOOK_MS * 1000000u;
		struct timespec t = mea_timespec((double)until * 1e-6);

		for (struct watched *w = g->list; w; w = w->next)
			if (w->due_ns && now >= w->due_ns) {
				/* The server sees the end and closes; the number cannot
				 * be another's yet, since it tells us first. */
				shutdown(w->fd, SHUT_RDWR);
				w->due_ns = 0;
				g->cut++;
			}
		pthread_cond_timedwait(&g->wake, &g->lock, &t);
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

int mea_timeouts_start(struct mea_timeouts **out)
{
	struct mea_timeouts *g = calloc(1, sizeof(*g));
	int err;

	*out = NULL;
	if (!g)
		return mea_nomem();
	pthread_mutex_init(&g->lock, NULL);
	mea_cond_init(&g->wake);
	err = pthread_create(&g->thread, NULL, watch, g);
	if (err) {
		pthread_mutex_destroy(&g->lock);
		pthread_cond_destroy(&g->wake);
		free(g);
		return mea_fail(MEA_ENOMEM, "cannot start a thread: %s", strerror(err));
	}
	*out = g;
	return 0;
}

void mea_timeouts_stop(struct mea_timeouts *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->stop = true;
	pthread_cond_signal(&g->wake);
	pthread_mutex_unlock(&g->lock);
	pthread_join(g->thread, NULL);
	while (g->list) {
		struct watched *w = g->list;

		g->list = w->next;
		free(w);
	}
	pthread_mutex_destroy(&g->lock);
	pthread_cond_destroy(&g->wake);
	free(g);
}

void *mea_timeouts_add(struct mea_timeouts *g, int fd, int limit_s)
{
	struct watched *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->fd = fd;
	w->due_ns = due(limit_s);
	pthread_mutex_lock(&g->lock);
	w->next = g->list;
	w->link = &g->list;
	if (w->next)
		w->next->link = &w->next;
	g->list = w;
	g->now++;
	pthread_mutex_unlock(&g->lock);
	return w;
}

void mea_timeouts_remove(struct mea_timeouts *g, void *handle)
{
	struct watched *w = handle;

	if (!w)
		return;
	pthread_mutex_lock(&g->lock);
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	g->now--;
	pthread_mutex_unlock(&g->lock);
	free(w);
}

void mea_timeouts_set(struct mea_timeouts *g, void *handle, int limit_s)
{
	struct watched *w = handle;

	if (!w)
		return;
	pthread_mutex_lock(&g->lock);
	w->due_ns = due(limit_s);
	pthread_mutex_unlock(&g->lock);
}

void mea_timeouts_counts(struct mea_timeouts *g, uint64_t *now, uint64_t *cut)
{
	pthread_mutex_lock(&g->lock);
	*now = g->now;
	*cut = g->cut;
	pthread_mutex_unlock(&g->lock);
}

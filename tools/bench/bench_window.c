// SPDX-License-Identifier: Apache-2.0
/*
 * Each path alone, one image after the other: a warm-up, then windows until the last three agree
 * within 5 %. The paths take their windows in turn, so that what drifts while all are measured
 * (clock of the CPU, neighbours) shows between the windows of each. The sensors run meanwhile.
 */
#include "bench.h"

#include "offload/client.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/error.h"
#include "meanet/session.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define AGREE	   0.05
#define POOL_MAX   256 /* images that are kept in memory, so that reading costs nothing */
#define CLOUD_WAIT 30000.0
/* Of a window's length, at most so much, and at least so many images, warm up. */
#define WARM_UP_S      1.0
#define WARM_UP_IMAGES 2

const char *const bench_paths[PATHS] = {"main", "extension", "cloud", "only cloud"};

/* What a path's images run through. */
struct rig {
	struct bench *b;
	enum path path;
	struct mea_session *s;
	struct mea_cloud *cloud; /* PATH_ONLY_CLOUD */
	uint8_t *rgb;
	size_t n, next, bytes;
	double start; /* of the image before; s */
};

/* --- one image ------------------------------------------------------------------------ */

/* A question at the cloud that is waited for. */
struct wait {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool over;
	struct mea_result *r;
};

static void answered(void *ctx, const struct mea_cloud_answer *a)
{
	struct wait *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->r->error = a->error;
	w->r->exit = MEA_EXIT_CLOUD;
	w->r->cost[MEA_EXIT_CLOUD].bytes_up = a->bytes_up;
	w->r->cost[MEA_EXIT_CLOUD].bytes_down = a->bytes_down;
	snprintf(w->r->text, sizeof(w->r->text), "%s", a->text);
	w->over = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

static int ask_cloud(struct rig *g, const uint8_t *rgb, struct mea_result *r)
{
	struct wait w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, r};
	int rc;

	memset(r, 0, sizeof(*r));
	rc = mea_cloud_ask(g->cloud, rgb, mea_now_ms() + CLOUD_WAIT, answered, &w);
	if (rc)
		return rc;
	pthread_mutex_lock(&w.lock);
	while (!w.over)
		pthread_cond_wait(&w.done, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return r->error ? mea_fail(r->error, "%s", r->text) : 0;
}

/* At --max-rate no image starts before its time. */
static void keep_rate(struct rig *g)
{
	double wait = g->start + 1 / g->b->max_rate - tool_now();

	if (g->b->max_rate > 0 && wait > 0) {
		struct timespec t = {(time_t)wait, (long)(fmod(wait, 1) * 1e9)};

		nanosleep(&t, NULL);
	}
	g->start = tool_now();
}

static int classify(struct rig *g, struct mea_result *r, double *ms)
{
	const uint8_t *rgb = g->rgb + g->next * g->bytes;
	double start;
	int rc;

	g->next = (g->next + 1) % g->n;
	keep_rate(g);
	start = tool_now();
	rc = g->cloud ? ask_cloud(g, rgb, r) : mea_classify(g->s, rgb, r);
	*ms = (tool_now() - start) * 1e3;
	return rc;
}

/* --- a window ---------------------------------------------------------------------------- */

static double process_cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int keep_latency(struct path_run *p, double ms)
{
	int rc = mea_grow(&p->latency, p->n_latency, 1, sizeof(*p->latency));

	if (!rc)
		p->latency[p->n_latency++] = ms;
	return rc;
}

static enum mea_exit exit_of(enum path p)
{
	return p == PATH_ONLY_CLOUD ? MEA_EXIT_CLOUD : (enum mea_exit)p;
}

/* Adds an image of the window, or counts it as one that took another path. */
static int add_image(struct rig *g, struct window *w, const struct mea_result *r, double ms,
		     double *sim_ms)
{
	struct path_run *p = &g->b->path[g->path];
	const struct mea_cost *c = &r->cost[MEA_EXIT_CLOUD];

	for (int i = 0; i < MEA_EXITS; i++)
		*sim_ms += r->cost[i].sim_ms;
	p->simulated |= *sim_ms > 0;
	w->images++;
	w->latency_ms += ms;
	if (r->exit != exit_of(g->path)) {
		p->fallbacks++;
		return 0;
	}
	p->main_macs = r->cost[MEA_EXIT_MAIN].macs;
	if (c->bytes_up) {
		p->sent++;
		p->bytes_up += ((double)c->bytes_up - p->bytes_up) / (double)p->sent;
		p->bytes_down += ((double)c->bytes_down - p->bytes_down) / (double)p->sent;
	}
	return keep_latency(p, ms);
}

static int read_meters(struct bench *b, struct window *w)
{
	w->seen = calloc((size_t)b->meters->n + 1, sizeof(*w->seen));
	if (!w->seen)
		return mea_nomem();
	for (int i = 0; i < b->meters->n; i++) {
		const struct mea_meter *m = &b->meters->meter[i];

		mea_meter_reading(m, &w->seen[i].r);
		snprintf(w->seen[i].trouble, sizeof(w->seen[i].trouble), "%s", m->trouble);
	}
	return 0;
}

static int window(struct rig *g, struct window *w)
{
	struct bench *b = g->b;
	double start, cpu, sampler, sim = 0, ms;
	struct mea_result r = {0};
	int rc = 0;

	mea_sampler_begin(b->sampler);
	start = tool_now();
	if (!b->windows_start)
		b->windows_start = start;
	w->start = start - b->windows_start;
	cpu = process_cpu_ms();
	sampler = mea_sampler_cpu_ms(b->sampler);
	while (!rc && (tool_now() - start < b->window_s || !w->images)) {
		rc = classify(g, &r, &ms);
		if (!rc)
			rc = add_image(g, w, &r, ms, &sim);
	}
	w->seconds = tool_now() - start;
	mea_sampler_end(b->sampler);
	if (rc)
		return rc;
	w->latency_ms /= (double)w->images;
	w->cpu_ms =
		fmax(0, process_cpu_ms() - cpu - sim - (mea_sampler_cpu_ms(b->sampler) - sampler)) /
		(double)w->images;
	return read_meters(b, w);
}

/* --- stability ------------------------------------------------------------------------------ */

static bool agree(const struct path_run *p)
{
	double low = INFINITY, high = 0;

	for (int i = p->n - STABLE; i < p->n; i++) {
		if (i < 0)
			return false;
		low = fmin(low, p->w[i].latency_ms);
		high = fmax(high, p->w[i].latency_ms);
	}
	return high - low <= AGREE * (high + low) / 2;
}

/* Why the last windows did not agree, as far as that shows. */
static void blame(const struct bench *b, enum path path)
{
	struct path_run *p = (struct path_run *)&b->path[path];
	double low = INFINITY, high = 0, load = 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char cause[96] = "its cause does not show here";

	for (int i = p->n > STABLE ? p->n - STABLE : 0; i < p->n; i++) {
		low = fmin(low, p->w[i].latency_ms);
		high = fmax(high, p->w[i].latency_ms);
	}
	if (p->fallbacks)
		snprintf(cause, sizeof(cause), "%zu images did not get the cloud's answer",
			 p->fallbacks);
	else if (getloadavg(&load, 1) == 1 && load > (double)cpus)
		snprintf(cause, sizeof(cause), "other work on the CPUs: load %.1f on %ld", load,
			 cpus);
	else if (path >= PATH_CLOUD)
		snprintf(cause, sizeof(cause), "the link or the server");
	snprintf(p->why, sizeof(p->why), "the last %d windows differ by %.0f %%; likely cause: %s",
		 STABLE, 100 * (high - low) / ((high + low) / 2), cause);
}

static int warm_up(struct rig *g, double seconds)
{
	double start = tool_now(), ms;
	struct mea_result r = {0};
	int rc = 0;

	for (int i = 0; !rc && (i < WARM_UP_IMAGES || tool_now() - start < seconds); i++)
		rc = classify(g, &r, &ms);
	return rc;
}

/* The next window of a path. The others had the caches meanwhile. */
static int take_turn(struct rig *g)
{
	struct path_run *p = &g->b->path[g->path];
	int rc = warm_up(g, p->n ? 0 : fmin(g->b->window_s, WARM_UP_S));

	if (!rc)
		rc = window(g, &p->w[p->n++]);
	if (rc)
		return rc;
	p->stable = agree(p);
	if (!p->stable && p->n == WINDOWS_MAX)
		blame(g->b, g->path);
	return 0;
}

/* --- paths ---------------------------------------------------------------------------------- */

static bool goes(const struct bench *b, const struct routed *r, enum path path)
{
	if (!r->readable)
		return false;
	return path == PATH_ONLY_CLOUD || bench_path_of(b, r, b->threshold) == path;
}

/* Counts a path's images and their answers; the first of them go to the rig's pool. */
static int gather(struct rig *g)
{
	struct bench *b = g->b;
	struct path_run *p = &b->path[g->path];
	int label, rc = 0;

	g->bytes = (size_t)b->b->width * (size_t)b->b->height * 3;
	g->rgb = malloc(POOL_MAX * g->bytes);
	if (!g->rgb)
		return mea_nomem();
	for (size_t i = 0; i < b->n && !rc; i++) {
		const struct routed *r = &b->routed[i];
		int answer = bench_answer(r, g->path);

		if (!goes(b, r, g->path))
			continue;
		p->images++;
		p->labelled += r->label >= 0;
		p->right += r->label >= 0 && r->label == answer;
		if (g->n < POOL_MAX)
			rc = bench_image(b, i, g->rgb + g->n++ * g->bytes, &label);
	}
	return rc;
}

/* While the cloud is slow the edge answers as well, in case it must: energy that is in no figure
 * of the cloud's path. */
static void note_beside(struct rig *g)
{
	const struct mea_exit_stats *cloud;
	struct mea_exit_stats stats[MEA_EXITS];
	uint64_t main = g->b->path[g->path].main_macs;

	mea_stats(g->s, stats);
	cloud = &stats[MEA_EXIT_CLOUD];
	if (cloud->images && cloud->cost.macs > cloud->images * main)
		bench_note(
			g->b,
			"the cloud was slow: beside it the edge ran %.0f %% more than main, which "
			"is not in the energy of the cloud's path",
			100 * ((double)cloud->cost.macs / (double)(cloud->images * main) - 1));
}

static int open_rig(struct bench *b, enum path path, struct rig *g)
{
	int rc;

	*g = (struct rig){.b = b, .path = path};
	rc = gather(g);
	if (rc || !g->n)
		return rc;
	return path == PATH_ONLY_CLOUD ? bench_cloud(b, &g->cloud)
				       : bench_open(b, path == PATH_CLOUD, &g->s);
}

static void close_rig(struct rig *g)
{
	if (g->s && g->path == PATH_CLOUD)
		note_beside(g);
	mea_close(g->s);
	mea_cloud_close(g->cloud);
	free(g->rgb);
}

/* Takes a window of each path that is not done; *left: whether some was. */
static int run_round(struct bench *b, struct rig *rig, int rigs, int round, bool *left)
{
	int rc = 0;

	*left = false;
	for (int i = 0; i < rigs && !rc && !tool_interrupted(); i++) {
		struct path_run *p = &b->path[rig[i].path];

		if (rig[i].n && !p->stable && p->n < WINDOWS_MAX) {
			rc = take_turn(&rig[i]);
			*left = true;
		}
		progress_step((size_t)(round * rigs + i + 1), (size_t)(WINDOWS_MAX * rigs),
			      &b->progress);
	}
	return rc;
}

int bench_windows(struct bench *b)
{
	struct rig rig[PATHS];
	bool left = true;
	int rigs = 0, rc = 0;

	for (int i = 0; i < PATHS && !rc; i++)
		if (b->session.open.cloud || i < PATH_CLOUD)
			rc = open_rig(b, (enum path)i, &rig[rigs++]);
	b->progress = (struct progress){.what = "windows"};
	for (int round = 0; left && !rc && !tool_interrupted(); round++)
		rc = run_round(b, rig, rigs, round, &left);
	progress_end(&b->progress);
	for (int i = 0; i < rigs; i++)
		close_rig(&rig[i]);
	return rc;
}

int bench_idle(struct bench *b)
{
	double wait = b->window_s;
	struct timespec t = {(time_t)wait, (long)(fmod(wait, 1) * 1e9)};

	if (b->meters->n) {
		mea_sampler_begin(b->sampler);
		nanosleep(&t, NULL);
		mea_sampler_end(b->sampler);
	}
	b->idle.seconds = b->meters->n ? wait : 0;
	return read_meters(b, &b->idle);
}

// SPDX-License-Identifier: Apache-2.0
/* The threshold: means over all images at one, a sweep over many, and the choice of one. */
#include "bench.h"
#include "mea/files.h"

#include "base/error.h"
#include "mea/bundle_edit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEPS	   20 /* of the share sent, when nobody names thresholds */
#define POINTS_MAX 256

/* --- means ------------------------------------------------------------------------- */

/* Adds share x figure, which is not known when one that counts is not. */
static void add_share(double *sum, double share, double figure)
{
	if (share > 0)
		*sum += share * figure;
}

static double part_of(const struct figure *f)
{
	return f->source == SOURCE_UNAVAILABLE ? NAN : f->mj;
}

static enum path path_at(const struct bench *b, const struct routed *r, double threshold)
{
	if (isnan(threshold))
		return r->extension ? PATH_EXTENSION : PATH_MAIN;
	return threshold < 0 ? PATH_ONLY_CLOUD : bench_path_of(b, r, threshold);
}

/* The figure of the cloud's path has the tail for the share that it was measured at. */
static void add_tail(const struct bench *b, struct mean *m)
{
	const struct path_run *p = &b->path[PATH_CLOUD];
	double share = m->share[PATH_CLOUD];

	if (share > 0 && p->part[PART_RADIO].source == SOURCE_MODELLED)
		m->part[PART_RADIO] += share * (bench_tail(b, share) -
						bench_tail(b, (double)p->images / (double)b->n));
}

struct mean bench_mean(const struct bench *b, double threshold)
{
	struct mean m = {.mj = NAN};
	size_t right = 0, labelled = 0, count[PATHS] = {0};
	double unused;

	for (size_t i = 0; i < b->n; i++) {
		const struct routed *r = &b->routed[i];
		enum path path = path_at(b, r, threshold);
		int answer = bench_answer(r, path);

		if (!r->readable)
			continue;
		m.images++;
		count[path]++;
		labelled += r->label >= 0;
		right += r->label >= 0 && answer == r->label;
	}
	m.accuracy = labelled ? (double)right / (double)labelled : NAN;
	for (int i = 0; i < PATHS; i++) {
		m.share[i] = (double)count[i] / (double)m.images;
		add_share(&m.latency_ms, m.share[i], bench_latency(&b->path[i], &unused));
		for (int k = 0; k < PARTS; k++)
			add_share(&m.part[k], m.share[i], part_of(&b->path[i].part[k]));
	}
	m.sent = m.share[PATH_CLOUD] + m.share[PATH_ONLY_CLOUD];
	add_tail(b, &m);
	for (int k = 0; k < PART_IDLE; k++)
		if (!isnan(m.part[k]))
			m.mj = isnan(m.mj) ? m.part[k] : m.mj + m.part[k];
	/* As in bench_sum(). */
	if (m.mj == 0)
		m.mj = NAN;
	return m;
}

/* --- sweep ------------------------------------------------------------------------- */

static int falling(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* All entropies from the greatest on; *n of them. */
static double *entropies(const struct bench *b, size_t *n)
{
	double *e = malloc((b->n + 1) * sizeof(*e));

	*n = 0;
	for (size_t i = 0; i < b->n && e; i++)
		if (b->routed[i].readable)
			e[(*n)++] = (double)b->routed[i].entropy;
	if (e)
		qsort(e, *n, sizeof(*e), falling);
	return e;
}

static int listed(const char *text, double *out)
{
	int n = 0;

	while (n < POINTS_MAX) {
		char *end;

		out[n++] = strtod(text, &end);
		if (end == text || !(out[n - 1] >= 0) || (*end && *end != ','))
			return mea_fail(MEA_EINVAL, "--thresholds: '%s' is no list of entropies",
					text);
		if (!*end)
			return n;
		text = end + 1;
	}
	return mea_fail(MEA_EINVAL, "--thresholds: over %d", POINTS_MAX);
}

/* Thresholds that send 0, 5, ... 100 %. */
static int spread(const struct bench *b, double *out)
{
	size_t n;
	double *e = entropies(b, &n);

	if (!e || !n) {
		free(e);
		return mea_nomem();
	}
	for (int i = 0; i <= STEPS; i++) {
		size_t sent = n * (size_t)i / STEPS;

		out[i] = sent < n ? e[sent] : 0;
	}
	free(e);
	return STEPS + 1;
}

/* Cost of a point: energy, or where no part of it is known the share sent. */
static double cost(const struct mean *m)
{
	return isnan(m->mj) ? m->sent : m->mj;
}

static bool beaten(const struct mean *m, int n, int i)
{
	for (int k = 0; k < n; k++)
		if (m[k].accuracy >= m[i].accuracy && cost(&m[k]) <= cost(&m[i]) &&
		    (m[k].accuracy > m[i].accuracy || cost(&m[k]) < cost(&m[i])))
			return true;
	return false;
}

json_t *bench_sweep(const struct bench *b)
{
	double threshold[POINTS_MAX];
	struct mean m[POINTS_MAX];
	int n = b->thresholds ? listed(b->thresholds, threshold) : spread(b, threshold);
	json_t *points = n < 0 ? NULL : json_array();

	for (int i = 0; i < n; i++)
		m[i] = bench_mean(b, threshold[i]);
	for (int i = 0; i < n; i++) {
		json_t *o = bench_mean_json(&m[i]);

		json_object_set_new(o, "threshold", json_real(threshold[i]));
		json_object_set_new(o, "pareto", json_boolean(!beaten(m, n, i)));
		json_array_append_new(points, o);
	}
	return points;
}

/* --- target ------------------------------------------------------------------------- */

enum goal { ACCURACY, ENERGY, LATENCY, SENT, GOALS };
static const char *const goals[GOALS] = {"accuracy", "energy", "latency", "sent"};

static int parse_goal(const char *text, enum goal *goal, double *value)
{
	const char *equals = strchr(text, '=');
	char *end;

	for (int i = 0; i < GOALS && equals; i++) {
		if (strncmp(text, goals[i], (size_t)(equals - text)) ||
		    strlen(goals[i]) != (size_t)(equals - text))
			continue;
		*goal = (enum goal)i;
		*value = strtod(equals + 1, &end);
		if (end == equals + 1 || !(*value >= 0))
			break;
		if (!strcmp(end, "%") && (i == ACCURACY || i == SENT))
			*value /= 100;
		else if (*end)
			break;
		return 0;
	}
	return mea_fail(MEA_EINVAL,
			"--target: '%s' is none of accuracy=SHARE, energy=MJ, latency=MS, "
			"sent=SHARE",
			text);
}

static double reached(const struct mean *m, enum goal goal)
{
	const double v[GOALS] = {m->accuracy, m->mj, m->latency_ms, m->sent};

	return v[goal];
}

/* Whether a is the better choice. */
static bool better(const struct mean *a, const struct mean *b, enum goal goal, double value)
{
	bool a_fits = goal == ACCURACY ? a->accuracy >= value : reached(a, goal) <= value;
	bool b_fits = goal == ACCURACY ? b->accuracy >= value : reached(b, goal) <= value;

	if (a_fits != b_fits)
		return a_fits;
	/* Who fits is judged by the rest, who does not by how near it comes. */
	if (!a_fits)
		return goal == ACCURACY ? a->accuracy > b->accuracy
					: reached(a, goal) < reached(b, goal);
	if (goal == ACCURACY || a->accuracy == b->accuracy)
		return cost(a) < cost(b);
	return a->accuracy > b->accuracy;
}

static int write_choice(struct bench *b, double threshold, const struct mean *m)
{
	json_t *t, *chosen = bench_mean_json(m);
	struct mea_bundle_edit *e;
	char data[256];
	int rc = mea_bundle_edit_begin(b->b->dir, &e);

	if (rc) {
		json_decref(chosen);
		return rc;
	}
	images_name(&b->images, data, sizeof(data));
	t = json_object_get(e->doc, "thresholds");
	if (!t) {
		t = json_object();
		json_object_set_new(e->doc, "thresholds", t);
	}
	json_object_set_new(chosen, "target", tool_text(b->target));
	json_object_set_new(chosen, "data", tool_text(data));
	json_object_set_new(t, "entropy", json_real(threshold));
	json_object_set_new(t, "chosen", chosen);
	b->threshold = b->b->threshold = threshold;
	rc = mea_bundle_edit_same(e, b->b);
	if (!rc)
		rc = mea_bundle_edit_commit(e);
	mea_bundle_edit_end(e);
	return rc;
}

int bench_check_sweep(const struct bench *b)
{
	double unused[POINTS_MAX], value;
	enum goal goal;

	if (b->thresholds && listed(b->thresholds, unused) < 0)
		return MEA_EINVAL;
	return b->target ? parse_goal(b->target, &goal, &value) : 0;
}

int bench_target(struct bench *b)
{
	struct mean best, m;
	double value = 0, choice = 0, *e;
	enum goal goal = ACCURACY;
	size_t n;
	int rc = parse_goal(b->target, &goal, &value);

	if (rc)
		return rc;
	best = bench_mean(b, 0);
	if (isnan(reached(&best, goal)))
		return mea_fail(MEA_EINVAL, "--target %s: the %s is not known here", b->target,
				goals[goal]);
	e = entropies(b, &n);
	if (!e)
		return mea_nomem();
	for (size_t i = 0; i < n; i++) {
		/* Between two images, so that rounding decides for none. */
		double t = i ? (e[i] + e[i - 1]) / 2 : e[0] + 1e-3;

		m = bench_mean(b, t);
		if (!better(&m, &best, goal, value))
			continue;
		best = m;
		choice = t;
	}
	free(e);
	if (goal == ACCURACY ? best.accuracy < value : reached(&best, goal) > value)
		return mea_fail(MEA_EINVAL,
				"--target %s: out of reach; %s=%.4g is the best, at "
				"threshold %.4g",
				b->target, goals[goal], reached(&best, goal), choice);
	bench_note(b,
		   "threshold %.4f chosen for %s on %zu validation images: there accuracy %.2f %%, "
		   "%.1f %% sent; written to %s/bundle.json",
		   choice, b->target, best.images, 100 * best.accuracy, 100 * best.sent, b->bundle);
	return write_choice(b, choice, &best);
}

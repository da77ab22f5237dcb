// SPDX-License-Identifier: Apache-2.0
/*
 * Energies of the parts of an image's path. A part that a sensor stands for is measured: power in
 * the windows less idle power, times the time of an image. Else a model says, or nobody does; no
 * figure is made up.
 */
#include "bench.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

const char *const bench_parts[PARTS] = {"accelerator", "host", "radio", "idle"};

double bench_interval(const double *v, int n, double *mean)
{
	/* Student's t for n values, 95 % on both sides. */
	static const double t[WINDOWS_MAX + 1] = {0,	 0,	12.71, 4.303, 3.182, 2.776,
						  2.571, 2.447, 2.365, 2.306, 2.262};
	double square = 0;

	*mean = n ? 0 : NAN;
	for (int i = 0; i < n; i++)
		*mean += v[i] / n;
	for (int i = 0; i < n; i++)
		square += (v[i] - *mean) * (v[i] - *mean);
	return n < 2 || n > WINDOWS_MAX ? NAN : t[n] * sqrt(square / (n - 1) / n);
}

double bench_latency(const struct path_run *p, double *half)
{
	int n = p->n < STABLE ? p->n : STABLE;
	double ms[STABLE] = {0}, mean;

	for (int i = 0; i < n; i++)
		ms[i] = p->w[p->n - n + i].latency_ms;
	*half = sqrt(2) * bench_interval(ms, n, &mean);
	return mean;
}

__attribute__((format(printf, 3, 4))) static void say(struct figure *f, enum source source,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->of, sizeof(f->of), fmt, ap);
	va_end(ap);
	f->source = source;
	if (source <= SOURCE_NONE)
		f->mj = f->low = f->high = source == SOURCE_NONE ? 0 : NAN;
}

static void modelled(struct figure *f, const char *model, struct mea_modelled e)
{
	say(f, SOURCE_MODELLED, "%s", model);
	f->mj = e.mj;
	f->low = e.low;
	f->high = e.high;
}

/* --- sensors ------------------------------------------------------------------------ */

/* What is asked of a meter's windows. */
enum share { ALL, ABOVE_IDLE, IDLE };

/* Energy of an image in window w; NaN when a sensor did not see it. */
static double per_image(const struct window *w, int m, double idle_w, enum share share)
{
	double watts = share == IDLE ? idle_w : w->seen[m].r.watts;

	if (share == ABOVE_IDLE)
		watts -= idle_w;
	return watts * w->seconds / (double)w->images * 1e3;
}

static const char *trouble_of(const struct bench *b, const struct path_run *p, int m)
{
	for (int i = 0; i < p->n; i++)
		if (*p->w[i].seen[m].trouble)
			return p->w[i].seen[m].trouble;
	return *b->idle.seen[m].trouble ? b->idle.seen[m].trouble : "no window was measured";
}

#define METERS_MAX 16

/* The meters that together stand for something. */
struct meters {
	int m[METERS_MAX], n;
};

/* "a + b", of what field says of each. */
static void join(char *text, size_t size, const struct bench *b, const struct meters *s, bool rail)
{
	size_t n = 0;

	text[0] = 0;
	for (int k = 0; k < s->n && n < size; k++) {
		const struct mea_meter *m = &b->meters->meter[s->m[k]];

		n += (size_t)snprintf(text + n, size - n, "%s%s", k ? " + " : "",
				      rail ? m->rail : m->sensor);
	}
}

/* What these meters saw together per image in the windows that count. */
static void measured(const struct bench *b, const struct path_run *p, const struct meters *s,
		     enum share share, struct figure *f)
{
	int from = p->n > STABLE ? p->n - STABLE : 0;
	double mj[WINDOWS_MAX] = {0}, half;
	char sensors[sizeof(f->of)];

	join(f->rail, sizeof(f->rail), b, s, true);
	join(sensors, sizeof(sensors), b, s, false);
	f->n = p->n - from;
	f->idle_w = 0;
	for (int k = 0; k < s->n; k++) {
		double idle_w = b->idle.seen[s->m[k]].r.watts;

		f->idle_w += idle_w;
		for (int i = 0; i < f->n; i++)
			mj[i] += per_image(&p->w[from + i], s->m[k], idle_w, share);
	}
	for (int i = 0; i < f->n; i++)
		f->window_s += p->w[from + i].seconds / f->n;
	half = bench_interval(mj, f->n, &f->mj);
	for (int k = 0; k < s->n && isnan(f->mj); k++) {
		say(f, SOURCE_UNAVAILABLE, "%s: %s", b->meters->meter[s->m[k]].sensor,
		    trouble_of(b, p, s->m[k]));
		if (isnan(b->idle.seen[s->m[k]].r.watts))
			return;
	}
	if (isnan(f->mj))
		return;
	say(f, SOURCE_MEASURED, "%s", sensors);
	f->low = f->mj - half;
	f->high = f->mj + half;
}

/* Whether RAPL has this package's energy in another zone too (intel-rapl-mmio), which is in s. */
static bool twice(const struct bench *b, const struct meters *s, const char *rail)
{
	for (int k = 0; k < s->n; k++)
		if (!strcmp(b->meters->meter[s->m[k]].rail, rail))
			return true;
	return false;
}

/* The meters that stand for a part: the one by the user's word, or all that RAPL calls a package
 * for the host. */
static struct meters meters_of(const struct bench *b, enum part part)
{
	struct meters s = {.n = 0};

	for (int i = 0; i < b->meters->n && s.n < METERS_MAX; i++) {
		const struct mea_meter *m = &b->meters->meter[i];

		if (b->rails[part]) {
			if (strcmp(m->sensor, b->rails[part]) && strcmp(m->rail, b->rails[part]))
				continue;
			s.m[s.n++] = i;
			break;
		}
		if (part == PART_HOST && !strncmp(m->rail, "package-", 8) && !twice(b, &s, m->rail))
			s.m[s.n++] = i;
	}
	return s;
}

/* --- parts ---------------------------------------------------------------------------- */

static void accelerator(const struct bench *b, enum path path, struct figure *f)
{
	const struct net_cost *main = &b->net[0], *ext = &b->net[1];
	uint64_t events[MEA_EVENTS];

	if (path == PATH_ONLY_CLOUD) {
		say(f, SOURCE_NONE, "the accelerator does nothing");
		return;
	}
	if (!main->known || (path == PATH_EXTENSION && !ext->known)) {
		say(f, SOURCE_UNAVAILABLE, "no accelerator: %.150s", b->no_cycles);
		return;
	}
	for (int i = 0; i < MEA_EVENTS; i++)
		events[i] = main->events[i] + (path == PATH_EXTENSION ? ext->events[i] : 0);
	modelled(f, b->accel.name, mea_accel_energy(&b->accel, events));
}

static void host(const struct bench *b, const struct path_run *p, struct figure *f)
{
	struct mea_modelled e = {0, INFINITY, 0};
	int from = p->n > STABLE ? p->n - STABLE : 0;

	if (isnan(b->host_watts)) {
		say(f, SOURCE_UNAVAILABLE,
		    "no sensor, and no power of a busy core is stated "
		    "(--host-power)");
		return;
	}
	for (int i = from; i < p->n; i++) {
		double mj = p->w[i].cpu_ms * b->host_watts;

		e.mj += mj / (p->n - from);
		e.low = fmin(e.low, mj);
		e.high = fmax(e.high, mj);
	}
	modelled(f, "CPU time x the stated power", e);
}

double bench_tail(const struct bench *b, double share)
{
	double gap = b->max_rate > 0 && share > 0 ? 1 / (b->max_rate * share) : INFINITY;

	return mea_radio_tail_mj(&b->radio, gap);
}

static void radio(const struct bench *b, enum path path, struct figure *f)
{
	const struct path_run *p = &b->path[path];
	double share = path == PATH_ONLY_CLOUD ? 1 : (double)p->images / (double)b->n;
	double tail = bench_tail(b, share), mj;

	if (path < PATH_CLOUD) {
		say(f, SOURCE_NONE, "nothing is sent");
		return;
	}
	if (!p->sent && !b->asked) {
		say(f, SOURCE_UNAVAILABLE, "nothing went to the cloud");
		return;
	}
	mj = tail + (p->sent ? mea_radio_mj(&b->radio, p->bytes_up, p->bytes_down)
			     : mea_radio_mj(&b->radio, b->asked_up, b->asked_down));
	modelled(f, b->radio.name, (struct mea_modelled){mj, mj, mj});
	if (tail > 0)
		snprintf(f->of, sizeof(f->of), "%s; %.4g mJ of it are the tail%s", b->radio.name,
			 tail, b->max_rate > 0 ? "" : ", if nothing follows");
}

/* What runs on while the image is under way. */
static void idle(const struct bench *b, enum path path, struct figure *f)
{
	const struct net_cost *main = &b->net[0], *ext = &b->net[1];
	double cycles = main->cycles + (path == PATH_EXTENSION ? ext->cycles : 0);
	double mj;

	if (path == PATH_ONLY_CLOUD) {
		say(f, SOURCE_NONE, "no accelerator is needed");
	} else if (isnan(b->accel.static_mw)) {
		say(f, SOURCE_UNAVAILABLE, "no sensor, and model %s has no static power",
		    b->accel.name);
	} else if (!main->known || (path == PATH_EXTENSION && !ext->known)) {
		say(f, SOURCE_UNAVAILABLE, "no accelerator: %.150s", b->no_cycles);
	} else {
		mj = b->accel.static_mw * cycles / (b->clock_mhz * 1e6);
		modelled(f, b->accel.name, (struct mea_modelled){mj, mj, mj});
	}
}

static void one_part(const struct bench *b, enum path path, enum part part, struct figure *f)
{
	const struct path_run *p = &b->path[path];
	struct meters s = meters_of(b, part);

	/* A host that simulates the accelerator spends on it what no board would. */
	if (s.n && part == PART_HOST && p->simulated) {
		say(f, SOURCE_UNAVAILABLE, "%s measures the simulation as well",
		    b->meters->meter[s.m[0]].sensor);
	} else if (s.n) {
		measured(b, p, &s, part == PART_IDLE ? IDLE : ABOVE_IDLE, f);
	} else if (b->rails[part]) {
		say(f, SOURCE_UNAVAILABLE, "no sensor is called '%.100s'", b->rails[part]);
	} else if (part == PART_ACCELERATOR) {
		accelerator(b, path, f);
	} else if (part == PART_HOST) {
		host(b, p, f);
	} else if (part == PART_RADIO) {
		radio(b, path, f);
	} else {
		idle(b, path, f);
	}
}

void bench_energies(struct bench *b)
{
	for (int i = 0; i < PATHS; i++) {
		struct path_run *p = &b->path[i];

		for (int k = 0; k < PARTS; k++) {
			memset(&p->part[k], 0, sizeof(p->part[k]));
			p->part[k].idle_w = NAN;
			one_part(b, (enum path)i, (enum part)k, &p->part[k]);
		}
		for (int m = 0; m < b->meters->n && p->rail; m++) {
			memset(&p->rail[m], 0, sizeof(p->rail[m]));
			measured(b, p, &(struct meters){{m}, 1}, ALL, &p->rail[m]);
		}
	}
}

double bench_sum(const struct path_run *p)
{
	double sum = NAN;

	for (int k = 0; k < PART_IDLE; k++)
		if (p->part[k].source != SOURCE_UNAVAILABLE)
			sum = isnan(sum) ? p->part[k].mj : sum + p->part[k].mj;
	/* Parts that take nothing are no energy of an image that takes some. */
	return sum == 0 ? NAN : sum;
}

// SPDX-License-Identifier: Apache-2.0
/* Windows over sensors; meter_find.c finds them. */
#include "meter.h"

#include "meter_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between samples: a read of an I2C sensor takes some 100 us, and a counter may wrap. */
#define PERIOD_MIN 0.002
#define PERIOD_MAX 0.1
/* A counter that does not say how often it is new is looked at this often. */
#define PERIOD_COUNTER 0.02
/* Without a new value for so long a sensor counts as stuck, if its update time is unknown. */
#define STUCK_S 2.0
/* A gap of more update times than this hides updates that brought the same value. */
#define HIDDEN 1.5
/* A megawatt is no board's, in microwatts. */
#define POWER_MAX 1000000000000

__attribute__((format(printf, 2, 3))) static void trouble(struct mea_meter *m, const char *fmt, ...)
{
	va_list ap;

	/* The first one is the cause of the others. */
	if (m->trouble[0])
		return;
	va_start(ap, fmt);
	vsnprintf(m->trouble, sizeof(m->trouble), fmt, ap);
	va_end(ap);
}

/* --- reading ---------------------------------------------------------------------- */

bool mea_meter_file_there(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

/* How the file of a path is called, for messages. */
static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool read_number(struct mea_meter *m, const char *path, long long *out)
{
	char text[64], *end;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int error = errno;

	if (fd >= 0)
		close(fd);
	if (n < 0) {
		if (error == EACCES || error == EPERM)
			trouble(m, "%s: permission denied%s", base(path),
				m->kind == MEA_METER_POWERCAP
					? "; since Linux 5.10 it is root's, or a group's by udev"
					: "");
		else if (m->track.any && (error == ENOENT || error == ENODEV || error == ENXIO))
			trouble(m, "%s: the sensor has vanished", base(path));
		else
			trouble(m, "%s: cannot be read: %s", base(path), strerror(error));
		return false;
	}
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (errno || end == text || *end) {
		trouble(m, "%s: '%.20s' is no number", base(path), text);
		return false;
	}
	if (*out < 0) {
		trouble(m, "%s: reads %lld, and less than nothing cannot be", base(path), *out);
		return false;
	}
	return true;
}

/* The value in microwatts, or, of a counter, in microjoules. */
static bool read_meter(struct mea_meter *m, long long *out)
{
	long long milliamperes, millivolts;

	if (m->kind != MEA_METER_PAIR) {
		if (!read_number(m, m->path[0], out))
			return false;
		if (m->kind == MEA_METER_POWER && *out > POWER_MAX) {
			trouble(m, "%s: reads %lld uW", base(m->path[0]), *out);
			return false;
		}
		return true;
	}
	if (!read_number(m, m->path[0], &milliamperes) || !read_number(m, m->path[1], &millivolts))
		return false;
	/* This also keeps the product in range. */
	if (milliamperes > 1000000 || millivolts > 1000000) {
		trouble(m, "%s: reads %lld mA at %lld mV", base(m->path[0]), milliamperes,
			millivolts);
		return false;
	}
	*out = milliamperes * millivolts;
	return true;
}

void mea_meter_probe(struct mea_meter *m)
{
	long long unused;

	m->trouble[0] = 0;
	read_meter(m, &unused);
}

/* --- windows ------------------------------------------------------------------------ */

static bool counts(const struct mea_meter *m)
{
	return m->kind == MEA_METER_ENERGY || m->kind == MEA_METER_POWERCAP;
}

double mea_meters_period(const struct mea_meters *l)
{
	double least = PERIOD_MAX;

	for (int i = 0; i < l->n; i++) {
		const struct mea_meter *m = &l->meter[i];
		double t = m->update_s > 0 ? m->update_s / 4 : PERIOD_COUNTER;

		least = fmin(least, t);
	}
	return fmax(least, PERIOD_MIN);
}

/* joules more over the last gap seconds. */
static void add_interval(struct mea_meter_track *t, double joules, double gap)
{
	double watts = joules / gap, d = watts - t->mean;

	t->joules += joules;
	t->updates++;
	t->mean += d / t->updates;
	t->m2 += d * (watts - t->mean);
	t->gap = t->gap > 0 ? fmin(t->gap, gap) : gap;
}

/* The energy that a counter's step means; false when it cannot be one. */
static bool step_of(struct mea_meter *m, long long raw, double *joules)
{
	long long step = raw - m->track.raw;

	if (step < 0 && m->range <= 0) {
		trouble(m, "%s: went back from %lld to %lld, and counters do not", base(m->path[0]),
			m->track.raw, raw);
		return false;
	}
	if (step < 0)
		step += m->range;
	if (step < 0) {
		trouble(m, "%s: reads %lld, over its own range of %lld", base(m->path[0]),
			m->track.raw, m->range);
		return false;
	}
	*joules = (double)step * 1e-6;
	return true;
}

/*
 * What the sensor said in the gap that ends with the new value watts. Driver and hardware
 * average over one update time, so older time belongs to the value before, which came again.
 */
static double held(const struct mea_meter *m, double watts, double gap)
{
	double update = m->update_s > 0 ? m->update_s : m->track.gap;

	if (update > 0 && gap > HIDDEN * update)
		return m->track.watts * (gap - update) + watts * update;
	return watts * gap;
}

static void take_value(struct mea_meter *m, double now, long long raw)
{
	struct mea_meter_track *t = &m->track;
	double joules = 0, watts = (double)raw * 1e-6;
	bool fresh = t->any && raw != t->raw;

	t->samples++;
	if (fresh && counts(m) && !step_of(m, raw, &joules))
		return;
	if (fresh && t->first >= 0) {
		if (!counts(m))
			joules = held(m, watts, now - t->last);
		add_interval(t, joules, now - t->last);
		t->last = now;
	} else if (fresh) {
		t->first = t->last = now;
	}
	t->any = true;
	t->raw = raw;
	t->watts = watts;
}

static void sample(struct mea_meter *m, double now)
{
	long long raw;

	if (!m->trouble[0] && read_meter(m, &raw))
		take_value(m, now, raw);
}

void mea_meters_begin(struct mea_meters *l, double now)
{
	for (int i = 0; i < l->n; i++) {
		struct mea_meter *m = &l->meter[i];

		m->trouble[0] = 0;
		memset(&m->track, 0, sizeof(m->track));
		m->track.begun = m->track.ended = now;
		m->track.first = -1;
		sample(m, now);
	}
}

void mea_meters_sample(struct mea_meters *l, double now)
{
	for (int i = 0; i < l->n; i++)
		sample(&l->meter[i], now);
}

/* Whether the window saw enough of the sensor. */
static void judge(struct mea_meter *m)
{
	struct mea_meter_track *t = &m->track;
	double window = t->ended - t->begun;
	double stuck = m->update_s > 0 ? 4 * m->update_s : STUCK_S;
	double last = t->first >= 0 ? t->last : t->begun;

	if (m->trouble[0])
		return;
	if (t->ended - last >= stuck && t->ended - last > window / 2)
		trouble(m, "%s: reads %lld for %.1f s: stuck, or too coarse", base(m->path[0]),
			t->raw, t->ended - last);
	else if (!t->updates || t->last - t->first < window / 2)
		trouble(m, "%s: %d new values in %.3g s are too few", base(m->path[0]), t->updates,
			window);
}

void mea_meters_end(struct mea_meters *l, double now)
{
	mea_meters_sample(l, now);
	for (int i = 0; i < l->n; i++) {
		l->meter[i].track.ended = now;
		judge(&l->meter[i]);
	}
}

void mea_meter_reading(const struct mea_meter *m, struct mea_reading *r)
{
	const struct mea_meter_track *t = &m->track;

	*r = (struct mea_reading){NAN, NAN, t->ended - t->begun, t->updates, NAN};
	if (m->trouble[0] || !t->updates)
		return;
	r->watts = t->joules / (t->last - t->first);
	r->joules = r->watts * r->seconds;
	if (t->updates > 1)
		r->spread = sqrt(t->m2 / (t->updates - 1));
}

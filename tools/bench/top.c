// SPDX-License-Identifier: Apache-2.0
/* mea top: who uses the accelerator and where images leave, now. */
#include "top.h"
#include "mea/table.h"
#include "mea/tool.h"
#include "mea/files.h"

#include "bench/sampler.h"
#include "base/error.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct top {
	double interval;
	uint64_t count; /* 0: no end */
	const char *procfs, *sysfs;
	struct mea_meters *meters;
	struct mea_sampler *sampler;
	struct client *before;
	int n_before;
	bool wide;
};

#define AT(f) FIELD(struct top, f)

static const struct row options[] = {
	{"interval", "S", AT(interval), "seconds between looks", 0.05, 3600, "1", .key = 'i'},
	{"count", "N", AT(count), "end after N looks", 1, 1e9, .key = 'n'},
	{"procfs", "DIR", AT(procfs), "where processes are", .value = "/proc"},
	{"sysfs", "DIR", AT(sysfs), "where sensors are", .value = "/sys"},
	{"wide", NULL, AT(wide), "print all columns, however wide the terminal is"},
	{0},
};

/* --- a look ------------------------------------------------------------------------------ */

/* What the same client had counted a look ago; NULL: it is new. */
static const struct client *earlier(const struct top *t, const struct client *c)
{
	for (int i = 0; i < t->n_before; i++) {
		const struct client *b = &t->before[i];

		if (b->pid == c->pid && b->driver == c->driver && b->id == c->id)
			return b;
	}
	return NULL;
}

/* Counters of a client only rise; where they fell, another has its number. */
static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now < before ? NAN : (double)(now - before) / seconds;
}

static void add_session(struct table *t, const struct client *c, const struct client *b,
			double seconds)
{
	uint64_t all = 0;

	for (int i = 0; i < MEA_EXITS; i++)
		all += c->images[i];
	table_text(t, "%d", c->pid);
	table_text(t, "%s", c->command);
	table_text(t, "%s", c->name);
	for (int i = 0; i < MEA_EXITS; i++)
		table_number(t, "%.1f", b ? rate(c->images[i], b->images[i], seconds) : NAN);
	table_text(t, "%" PRIu64, all);
	table_text(t, "%" PRIu64, c->failed);
	table_number(t, "%.1f", b && c->cycles ? rate(c->cycles, b->cycles, seconds) / 1e6 : NAN);
	table_number(t, "%.1f", b ? rate(c->bytes_up, b->bytes_up, seconds) / 1e3 : NAN);
	table_number(t, "%.1f", b ? rate(c->bytes_down, b->bytes_down, seconds) / 1e3 : NAN);
}

static void add_driver(struct table *t, const struct client *c, const struct client *b,
		       double seconds)
{
	/* A job counts when it ends, also for what it ran before. */
	double busy = b ? rate(c->busy_ns, b->busy_ns, seconds) / 1e7 : NAN;

	table_text(t, "%d", c->pid);
	table_text(t, "%s", c->command);
	table_text(t, "%s", c->name);
	table_number(t, "%.1f%%", busy > 100 ? 100 : busy);
	table_number(t, "%.1f", b ? rate(c->jobs, b->jobs, seconds) : NAN);
	table_text(t, "%" PRIu64, c->jobs);
	table_number(t, "%.1f", b ? rate(c->cycles, b->cycles, seconds) / 1e6 : NAN);
	table_number(t, "%.1f", c->max_hz ? (double)c->max_hz / 1e6 : NAN);
	table_text(t, "%.0f", (double)c->memory / 1024);
}

static void print_power(const struct top *t, int width)
{
	if (!t->meters->n)
		puts("power: no sensor here");
	for (int i = 0; i < t->meters->n; i++) {
		const struct mea_meter *m = &t->meters->meter[i];
		struct mea_reading r;

		mea_meter_reading(m, &r);
		if (isnan(r.watts))
			text_print(width, 2, "power: %s (%s): unavailable: %s", m->sensor, m->rail,
				   m->trouble);
		else
			text_print(width, 2, "power: %s (%s): %.3f W", m->sensor, m->rail, r.watts);
	}
}

/* The sessions, or the clients of the driver; nothing where there is none. */
static int print_clients(const struct top *t, const struct client *list, int n, bool driver,
			 double seconds, int width)
{
	static const struct column sessions[] = {
		COLUMN("PID", 0),     COLUMN_LEFT("SESSION", 1, 15), COLUMN_LEFT("BUNDLE", 0, 20),
		COLUMN("main/s", 0),  COLUMN("ext./s", 0),	     COLUMN("cloud/s", 0),
		COLUMN("images", 1),  COLUMN("failed", 2),	     COLUMN("Mcycle/s", 3),
		COLUMN("kB up/s", 3), COLUMN("kB down/s", 4),
	};
	static const struct column clients[] = {
		COLUMN("PID", 0),
		COLUMN_LEFT("CLIENT", 1, 15),
		COLUMN_LEFT("DEVICE", 0, 20),
		COLUMN("busy", 0),
		COLUMN("jobs/s", 0),
		COLUMN("jobs", 2),
		COLUMN("Mcycle/s", 2),
		COLUMN("MHz", 3),
		COLUMN("KiB", 3),
	};
	struct table table = {.columns = driver ? clients : sessions, .n = driver ? 9 : 11};

	for (int i = 0; i < n; i++) {
		const struct client *c = &list[i], *b = earlier(t, c);

		if (c->driver != driver)
			continue;
		if (driver)
			add_driver(&table, c, b, seconds);
		else
			add_session(&table, c, b, seconds);
	}
	if (!table.n_cells)
		return 0;
	putchar('\n');
	return table_print(&table, width);
}

static int print_look(const struct top *t, const struct client *list, int n, double seconds)
{
	int width = table_width(t->wide), rc;
	time_t now = time(NULL);
	struct tm local;
	char clock[16];

	/* Home and clear on a terminal; blocks one below the other elsewhere. */
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	localtime_r(&now, &local);
	strftime(clock, sizeof(clock), "%T", &local);
	printf("mea top, %s, mean of the last %.1f s\n", clock, seconds);
	print_power(t, width);
	rc = print_clients(t, list, n, false, seconds, width);
	if (!rc)
		rc = print_clients(t, list, n, true, seconds, width);
	if (!n)
		text_print(width, 0,
			   "no session and no client of the driver that this user may see");
	fflush(stdout);
	return rc;
}

static int look(struct top *t)
{
	struct timespec pause = {(time_t)t->interval, (long)(fmod(t->interval, 1) * 1e9)};
	double start = tool_now();
	struct client *list;
	int n, rc;

	mea_sampler_begin(t->sampler);
	nanosleep(&pause, NULL);
	mea_sampler_end(t->sampler);
	n = top_scan(t->procfs, &list);
	if (n < 0)
		return n;
	rc = print_look(t, list, n, tool_now() - start);
	free(t->before);
	t->before = list;
	t->n_before = n;
	return rc;
}

static int watch(struct top *t)
{
	int rc = mea_meters_open(t->sysfs, &t->meters);

	if (!rc)
		rc = mea_sampler_open(t->meters, &t->sampler);
	if (!rc) {
		t->n_before = top_scan(t->procfs, &t->before);
		rc = t->n_before < 0 ? t->n_before : 0;
	}
	for (uint64_t i = 0; !rc && (!t->count || i < t->count) && !ferror(stdout); i++)
		rc = look(t);
	return rc;
}

static int top(int argc, char **argv)
{
	struct top t = {0};
	int rc;

	option_parse(&tool_top, argc, argv, &t);
	rc = watch(&t);
	free(t.before);
	mea_sampler_close(t.sampler);
	mea_meters_close(t.meters);
	return rc ? tool_fail() : TOOL_OK;
}

const struct tool tool_top = {
	.name = "top",
	.summary = "sessions, device and power, live",
	.text = "Shows, again and again, the sessions of libmea and the clients of the driver "
		"that this user may see: images per second at each exit, how busy the "
		"accelerator is, bytes to and from the cloud, and the power of the sensors.",
	.options = options,
	.main = top,
};

// SPDX-License-Identifier: Apache-2.0
/* mea top: who uses the accelerator and where images leave, now. */
#include "top.h"
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
};

#define AT(f) FIELD(struct top, f)

static const struct row options[] = {
	{"interval", "S", AT(interval), "seconds between looks", 0.05, 3600, "1", .key = 'i'},
	{"count", "N", AT(count), "end after N looks", 1, 1e9, .key = 'n'},
	{"procfs", "DIR", AT(procfs), "where processes are", .value = "/proc"},
	{"sysfs", "DIR", AT(sysfs), "where sensors are", .value = "/sys"},
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

static void put_rate(uint64_t now, uint64_t before, double seconds, double unit)
{
	/* Counters of a client only rise; where they fell, another has its number. */
	if (now < before)
		printf(" %9s", "-");
	else
		printf(" %9.1f", (double)(now - before) / seconds / unit);
}

static void print_session(const struct client *c, const struct client *b, double seconds)
{
	uint64_t all = 0;

	for (int i = 0; i < MEA_EXITS; i++)
		all += c->images[i];
	printf("%7d %-15.15s %-20.20s", c->pid, c->command, c->name);
	for (int i = 0; i < MEA_EXITS; i++) {
		if (b)
			put_rate(c->images[i], b->images[i], seconds, 1);
		else
			printf(" %9s", "-");
	}
	printf(" %10" PRIu64 " %7" PRIu64, all, c->failed);
	if (b && c->cycles)
		put_rate(c->cycles, b->cycles, seconds, 1e6);
	else
		printf(" %9s", "-");
	if (b) {
		put_rate(c->bytes_up, b->bytes_up, seconds, 1e3);
		put_rate(c->bytes_down, b->bytes_down, seconds, 1e3);
	} else {
		printf(" %9s %9s", "-", "-");
	}
	putchar('\n');
}

static void print_driver(const struct client *c, const struct client *b, double seconds)
{
	double percent;

	printf("%7d %-15.15s %-20.20s", c->pid, c->command, c->name);
	if (b && c->busy_ns >= b->busy_ns) {
		percent = (double)(c->busy_ns - b->busy_ns) / seconds / 1e7;
		/* A job counts when it ends, also for what it ran before. */
		printf(" %8.1f%%", percent < 100 ? percent : 100.0);
	} else {
		printf(" %9s", "-");
	}
	if (b)
		put_rate(c->jobs, b->jobs, seconds, 1);
	else
		printf(" %9s", "-");
	printf(" %10" PRIu64, c->jobs);
	if (b)
		put_rate(c->cycles, b->cycles, seconds, 1e6);
	else
		printf(" %9s", "-");
	if (c->max_hz)
		printf(" %9.1f", (double)c->max_hz / 1e6);
	else
		printf(" %9s", "-");
	printf(" %9.0f\n", (double)c->memory / 1024);
}

static void print_power(const struct top *t)
{
	if (!t->meters->n)
		puts("power: no sensor here");
	for (int i = 0; i < t->meters->n; i++) {
		const struct mea_meter *m = &t->meters->meter[i];
		struct mea_reading r;

		mea_meter_reading(m, &r);
		if (isnan(r.watts))
			printf("power: %s (%s): unavailable: %s\n", m->sensor, m->rail, m->trouble);
		else
			printf("power: %s (%s): %.3f W\n", m->sensor, m->rail, r.watts);
	}
}

static void print_look(const struct top *t, const struct client *list, int n, double seconds)
{
	time_t now = time(NULL);
	struct tm local;
	char clock[16];
	bool any = false;

	/* Home and clear on a terminal; blocks one below the other elsewhere. */
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	localtime_r(&now, &local);
	strftime(clock, sizeof(clock), "%T", &local);
	printf("mea top, %s, mean of the last %.1f s\n", clock, seconds);
	print_power(t);
	for (int i = 0; i < n; i++) {
		if (list[i].driver)
			continue;
		if (!any)
			printf("\n%7s %-15s %-20s %9s %9s %9s %10s %7s %9s %9s %9s\n", "PID",
			       "SESSION", "BUNDLE", "main/s", "ext./s", "cloud/s", "images",
			       "failed", "Mcycle/s", "kB up/s", "kB down/s");
		any = true;
		print_session(&list[i], earlier(t, &list[i]), seconds);
	}
	any = false;
	for (int i = 0; i < n; i++) {
		if (!list[i].driver)
			continue;
		if (!any)
			printf("\n%7s %-15s %-20s %9s %9s %10s %9s %9s %9s\n", "PID", "CLIENT",
			       "DEVICE", "busy", "jobs/s", "jobs", "Mcycle/s", "MHz", "KiB");
		any = true;
		print_driver(&list[i], earlier(t, &list[i]), seconds);
	}
	if (!n)
		puts("no session and no client of the driver that this user may see");
	fflush(stdout);
}

static int look(struct top *t)
{
	struct timespec pause = {(time_t)t->interval, (long)(fmod(t->interval, 1) * 1e9)};
	double start = tool_now();
	struct client *list;
	int n;

	mea_sampler_begin(t->sampler);
	nanosleep(&pause, NULL);
	mea_sampler_end(t->sampler);
	n = top_scan(t->procfs, &list);
	if (n < 0)
		return n;
	print_look(t, list, n, tool_now() - start);
	free(t->before);
	t->before = list;
	t->n_before = n;
	return 0;
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

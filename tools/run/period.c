// SPDX-License-Identifier: Apache-2.0
#include "period.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/error.h"
#include "mea/files.h"
#include "mea/table.h"
#include "mea/tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *name, *text;
} parts[PERIOD_PARTS] = {
	[PART_RELEASE] = {"release", "handed over late"},
	[PART_QUEUE] = {"queue", "waiting for its turn"},
	[PART_BACKEND] = {"backend", "its networks"},
	[PART_CLOUD] = {"cloud", "the cloud"},
	[PART_HOST] = {"host", "the host, beside the networks"},
};

static const struct {
	const char *name, *key;
	double p;
} marks[] = {{"p50", "p50_ms", 0.5},
	     {"p99", "p99_ms", 0.99},
	     {"p99.9", "p999_ms", 0.999},
	     {"longest", "max_ms", 1}};

#define MARKS (sizeof(marks) / sizeof(marks[0]))

int period_start(struct period *p, size_t images)
{
	p->images = images;
	p->submitted_ms = calloc(images, sizeof(*p->submitted_ms));
	p->answered_ms = calloc(images, sizeof(*p->answered_ms));
	if (!p->submitted_ms || !p->answered_ms)
		return mea_nomem();
	p->start_ms = mea_now_ms();
	return 0;
}

void period_free(struct period *p)
{
	free(p->submitted_ms);
	free(p->answered_ms);
}

static double release_ms(const struct period *p, size_t image)
{
	return p->start_ms + p->ms * (double)image;
}

void period_wait(const struct period *p, size_t image)
{
	struct timespec at = mea_timespec(release_ms(p, image));

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR &&
	       !tool_interrupted())
		;
}

void period_submit(struct period *p, size_t image)
{
	p->submitted_ms[image] = mea_now_ms() - release_ms(p, image);
}

void period_drop(struct period *p)
{
	p->dropped++;
}

/* Keeps the latest, sorted. */
static void keep(struct period *p, const struct period_late *late)
{
	int i = p->n_worst;

	if (i == PERIOD_WORST && p->worst[i - 1].ms >= late->ms)
		return;
	if (i < PERIOD_WORST)
		p->n_worst++;
	else
		i--;
	for (; i > 0 && p->worst[i - 1].ms < late->ms; i--)
		p->worst[i] = p->worst[i - 1];
	p->worst[i] = *late;
}

void period_answer(struct period *p, const struct mea_result *res)
{
	double part[PERIOD_PARTS] = {0}, rest;
	struct period_late late = {.period = res->tag, .exit = res->exit};

	if (res->error)
		return;
	part[PART_RELEASE] = p->submitted_ms[res->tag];
	part[PART_QUEUE] = res->latency_ms - res->service_ms;
	part[PART_CLOUD] = res->cloud_ms;
	part[PART_BACKEND] = res->cost[MEA_EXIT_MAIN].ms;
	/* Beside a question to the cloud, the extension costs no time of its own. */
	if (!(res->cloud_ms > 0))
		part[PART_BACKEND] += res->cost[MEA_EXIT_EXTENSION].ms;
	rest = res->service_ms - part[PART_CLOUD] - part[PART_BACKEND];
	part[PART_HOST] = rest > 0 ? rest : 0;
	for (int i = 1; i < PERIOD_PARTS; i++)
		if (part[i] > part[late.part])
			late.part = (enum period_part)i;
	late.part_ms = part[late.part];
	late.ms = part[PART_RELEASE] + res->latency_ms;
	p->answered_ms[p->answered++] = late.ms;
	p->missed += late.ms > p->ms;
	keep(p, &late);
}

/* NULL: there are none. */
static const char *exit_name(const struct period *p, const struct period_late *w)
{
	return p->no_exit ? NULL : mea_exit_name(w->exit);
}

void period_print(const struct period *p, bool simulated, int width)
{
	static const struct column columns[] = {
		COLUMN("period", 0),	    COLUMN("ms", 0),
		COLUMN_LEFT("exit", 0, 0),  COLUMN("most ms", 0),
		COLUMN_LEFT("of it", 0, 0),
	};
	struct table t = {.columns = columns, .n = (int)(sizeof(columns) / sizeof(columns[0]))};
	double at[MARKS];

	for (size_t i = 0; i < MARKS; i++)
		at[i] = mea_percentile(p->answered_ms, p->answered, marks[i].p);
	text_print(width, 0,
		   "An image every %g ms: %zu of %zu answers came within it, %zu later, %zu images "
		   "found the queue full.",
		   p->ms, p->answered - p->missed, p->images, p->missed, p->dropped);
	if (!p->answered)
		return;
	text_print(width, 0, "Release to answer, ms: %s %.3f, %s %.3f, %s %.3f, %s %.3f.",
		   marks[0].name, at[0], marks[1].name, at[1], marks[2].name, at[2], marks[3].name,
		   at[3]);
	if (simulated)
		text_print(width, 0,
			   "The device is simulated in this process, so these are times of the "
			   "simulation.");
	for (int i = 0; i < p->n_worst; i++) {
		const struct period_late *w = &p->worst[i];

		table_text(&t, "%zu", w->period);
		table_number(&t, "%.3f", w->ms);
		table_text(&t, "%s", p->no_exit ? "-" : exit_name(p, w));
		table_number(&t, "%.3f", w->part_ms);
		table_text(&t, "%s", parts[w->part].text);
	}
	if (table_print(&t, width))
		tool_fail();
}

json_t *period_json(const struct period *p)
{
	json_t *o = json_pack("{s:f, s:I, s:I, s:I, s:I}", "period_ms", p->ms, "images",
			      (json_int_t)p->images, "answered", (json_int_t)p->answered, "missed",
			      (json_int_t)p->missed, "dropped", (json_int_t)p->dropped);
	json_t *worst = json_array();

	for (size_t i = 0; i < MARKS; i++)
		json_object_set_new(
			o, marks[i].key,
			tool_real_json(mea_percentile(p->answered_ms, p->answered, marks[i].p)));
	for (int i = 0; i < p->n_worst; i++) {
		const struct period_late *w = &p->worst[i];

		json_array_append_new(worst, json_pack("{s:I, s:f, s:s?, s:s, s:f}", "period",
						       (json_int_t)w->period, "ms", w->ms, "exit",
						       exit_name(p, w), "part", parts[w->part].name,
						       "part_ms", w->part_ms));
	}
	json_object_set_new(o, "worst", worst);
	return o;
}

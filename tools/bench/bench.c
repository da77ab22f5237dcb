// SPDX-License-Identifier: Apache-2.0
/* mea bench BUNDLE: what every exit costs, measured or modelled, never guessed. */
#include "bench.h"
#include "mea/files.h"

#include "device/device.h"
#include "base/error.h"
#include "train/set.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_S	2  /* for latencies, */
#define WINDOW_SENSOR_S 10 /* and with sensors, as MLPerf Tiny wants it */

#define AT(f)		FIELD(struct bench, f)

/* "accelerator=hwmon/hwmon0/power1_input". */
static int take_rail(void *args, const char *arg)
{
	struct bench *b = args;
	const char *equals = strchr(arg, '=');

	for (int k = 0; k < PARTS && equals; k++)
		if (!strncmp(arg, bench_parts[k], (size_t)(equals - arg)) &&
		    strlen(bench_parts[k]) == (size_t)(equals - arg)) {
			b->rails[k] = equals + 1;
			return 0;
		}
	return mea_fail(
		MEA_EINVAL,
		"--rail: '%s' does not start with accelerator=, host=, radio= or idle=", arg);
}

const struct row bench_options[] = {
	{.at = offsetof(struct bench, images), .rows = images_options},
	{.at = offsetof(struct bench, session), .rows = session_options},
	{"thresholds", "LIST", AT(thresholds), "sweep these, as 0,0.5,1",
	 .otherwise = "those that send 0, 5, ... 100 %"},
	{"max-rate", "R", AT(max_rate),
	 "at most R images a second: for power measurements, and the radio's tail", OVER_0},
	{"window", "S", AT(window_s), "length of a window in seconds", OVER_0,
	 .otherwise = "2; 10 with a sensor"},
	{"accelerator", "NAME", AT(accel_name), "energy model of the accelerator",
	 .value = "asic-45nm", .words = "asic-45nm fpga-28nm"},
	{"radio", "NAME", AT(radio_name), "model of the radio", .value = "wifi",
	 .words = "wifi wifi-psm lte"},
	{"models", "FILE", AT(models), "models in JSON, shaped as tools/bench/models.json"},
	{"clock", "MHZ", AT(clock_mhz), "the accelerator's clock", OVER_0,
	 .otherwise = "the device's, or the model's"},
	{"host-power", "W", AT(host_watts), "power of a busy core of the host over idle", 0, 1000},
	{"rail", "PART=SENSOR",
	 .help = "a sensor stands for accelerator, host, radio or idle: its name or its rail, as "
		 "the report lists them",
	 .call = take_rail, .words = "accelerator= host= radio= idle="},
	{"sysfs", "DIR", AT(sysfs), "where sensors are", .value = "/sys"},
	{0},
};

static const struct row options[] = {
	{NULL, "BUNDLE", AT(bundle), "bundle", .needed = true},
	{.rows = bench_options},
	{"json", NULL, AT(json), "print the report as one JSON object"},
	{"wide", NULL, AT(wide), "print all columns, however wide the terminal is"},
	{"csv", "FILE", AT(csv), "write it as a table as well"},
	{"plot", "DIR", AT(plot), "draw it with gnuplot: SVG and PNG, and the scripts"},
	{"beside", "FILE", AT(beside),
	 "figures of others to print and draw beside, such as models/meanet-paper.json"},
	{"sweep", NULL, AT(sweep), "accuracy, energy, latency and share sent over the threshold"},
	{"target", "WHAT", AT(target),
	 "choose the threshold on validation images and write it into the bundle: accuracy=95% "
	 "with the least energy, or the best accuracy with at most energy=MJ, latency=MS or "
	 "sent=30%",
	 .words = "accuracy= energy= latency= sent="},
	{"validation", "PATH", AT(validation), "those images",
	 .otherwise = "the tenth of the training split that mea train held out"},
	{0},
};

int bench_check(const struct bench *b)
{
	if (b->session.send == SEND_FEATURES)
		return mea_fail(MEA_EINVAL, "--cloud-send features: the cloud alone has none");
	if (b->target && !isnan(b->session.threshold))
		return mea_fail(MEA_EINVAL, "--target chooses the threshold: not with --threshold");
	if ((b->sweep || b->target || b->thresholds) && !b->session.open.cloud)
		return mea_fail(MEA_EINVAL, "%s: without --cloud no threshold changes anything",
				b->target  ? "--target"
				: b->sweep ? "--sweep"
					   : "--thresholds");
	return 0;
}

static int check(void *args)
{
	struct bench *b = args;

	b->sweep |= b->thresholds != NULL;
	return bench_check(b);
}

void bench_note(struct bench *b, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(b->notes, tool_text(text));
}

/* --- steps -------------------------------------------------------------------------- */

static int open_meters(struct bench *b)
{
	int rc = mea_meters_open(b->sysfs, &b->meters);
	bool works = false;

	if (!rc)
		rc = mea_sampler_open(b->meters, &b->sampler);
	for (int i = 0; !rc && i < b->meters->n; i++)
		works |= !*b->meters->meter[i].trouble;
	if (!(b->window_s > 0))
		b->window_s = works ? WINDOW_SENSOR_S : WINDOW_S;
	return rc;
}

/* The clock by the user's word, a board's own, or the one that the model stands for. */
static void find_clock(struct bench *b)
{
	const char *name = b->session.open.device;
	const char *node = strchr(name, ':');
	struct mea_device *dev;

	if (!(b->clock_mhz > 0) && (!strcmp(name, "auto") || !strncmp(name, "drm", 3)) &&
	    !mea_device_drm.open(node ? node + 1 : "", &dev)) {
		b->clock_mhz = dev->hw.clock_khz * 1e-3;
		dev->ops->close(dev);
	}
	if (!(b->clock_mhz > 0))
		b->clock_mhz = b->accel.clock_mhz;
}

static int load_all(struct bench *b)
{
	int rc = bench_check_sweep(b);
	json_error_t e;

	if (!rc)
		rc = mea_accel_model_load(b->models, b->accel_name, &b->accel);

	if (!rc)
		rc = mea_radio_model_load(b->models, b->radio_name, &b->radio);
	if (!rc)
		rc = mea_bundle_load(b->bundle, &b->b);
	if (!rc)
		rc = open_meters(b);
	if (rc)
		return rc;
	if (b->beside) {
		b->others = json_load_file(b->beside, 0, &e);
		if (!b->others)
			return mea_fail(MEA_EINVAL, "%s: line %d: %s", b->beside, e.line, e.text);
	}
	b->threshold = isnan(b->session.threshold) ? b->b->threshold : b->session.threshold;
	find_clock(b);
	for (int i = 0; i < PATHS; i++) {
		b->path[i].rail = calloc((size_t)b->meters->n + 1, sizeof(struct figure));
		if (!b->path[i].rail)
			return mea_nomem();
	}
	return 0;
}

/* Forgets what was measured, for other images. */
static void forget(struct bench *b)
{
	for (int i = 0; i < PATHS; i++) {
		struct path_run *p = &b->path[i];
		struct figure *rail = p->rail;

		for (int k = 0; k < p->n; k++)
			free(p->w[k].seen);
		free(p->latency);
		memset(p, 0, sizeof(*p));
		p->rail = rail;
	}
	free(b->idle.seen);
	b->idle.seen = NULL;
	free(b->routed);
	b->routed = NULL;
}

static int measure(struct bench *b)
{
	int rc = bench_route(b);

	if (!rc)
		rc = bench_idle(b);
	if (!rc)
		rc = bench_windows(b);
	if (!rc)
		bench_energies(b);
	if (!rc && b->path[PATH_MAIN].simulated)
		bench_note(b, "the latencies are the simulation's; the accelerator itself takes "
			      "cycles / clock");
	return rc;
}

/* The numbers of the training images that mea train held out. */
static int held_out(struct bench *b, struct mea_pick *held)
{
	struct mea_set all = {.n = b->images.count};
	struct mea_pick kept;
	uint64_t seed;
	const char *why = images_not_split(b->b, all.n, &seed);
	int rc;

	if (why)
		return mea_fail(MEA_EINVAL, "%s: %s; name validation images with --validation",
				b->bundle, why);
	rc = mea_set_split(&all, seed, &kept, held);
	if (!rc)
		free(kept.index);
	return rc;
}

/* Measures the validation images and chooses the threshold with them. */
static int choose(struct bench *b)
{
	struct images test = b->images, validation = {0};
	struct mea_pick held = {0};
	int rc;

	validation.limit = b->validation ? 0 : test.limit;
	validation.paths = b->validation ? (struct option_list){.items = &b->validation, .n = 1}
					 : test.paths;
	if (!b->validation)
		validation.limit = 0;
	b->images = validation;
	rc = images_open(&b->images, &(struct mea_data_want){.train = !b->validation}, b->b);
	if (!rc && !b->validation)
		rc = held_out(b, &held);
	if (!rc) {
		b->held = held.index;
		b->n = held.n;
		rc = measure(b);
	}
	if (!rc)
		rc = bench_target(b);
	mea_data_close(b->images.data);
	free(held.index);
	b->held = NULL;
	b->images = test;
	forget(b);
	return rc;
}

/* Prints first, so that a file that cannot be written loses nothing. */
static int show(struct bench *b)
{
	json_t *report = bench_report(b);
	int rc = report ? 0 : mea_nomem();

	if (!rc && b->json) {
		rc = tool_print_json(json_incref(report));
	} else if (!rc) {
		rc = bench_print(report, b->wide);
		if (b->others)
			bench_print_beside(report, b->others);
	}
	if (!rc && b->csv)
		rc = bench_csv(report, b->csv);
	if (!rc && b->plot)
		rc = bench_plot(report, b->others, b->plot);
	json_decref(report);
	return rc;
}

int bench_run(struct bench *b)
{
	int rc;

	b->notes = json_array();
	rc = load_all(b);
	if (!rc && b->target)
		rc = choose(b);
	if (!rc)
		rc = images_open(&b->images, &(struct mea_data_want){0}, b->b);
	return rc ? rc : measure(b);
}

bool bench_complete(const struct bench *b)
{
	return !b->unreadable && !b->cloud_missed;
}

void bench_close(struct bench *b)
{
	forget(b);
	for (int i = 0; i < PATHS; i++)
		free(b->path[i].rail);
	mea_sampler_close(b->sampler);
	mea_meters_close(b->meters);
	mea_bundle_free(b->b);
	json_decref(b->notes);
	json_decref(b->others);
	images_close(&b->images);
}

static int bench(int argc, char **argv)
{
	struct bench b = BENCH_INIT;
	int rc;

	option_parse(&tool_bench, argc, argv, &b);
	tool_catch_interrupt();
	rc = bench_run(&b);
	if (!rc)
		rc = show(&b);
	if (rc)
		tool_fail();
	else
		rc = bench_complete(&b) ? TOOL_OK : TOOL_FAILED;
	bench_close(&b);
	if (!rc && tool_interrupted())
		return TOOL_INTERRUPTED;
	return rc ? TOOL_FAILED : TOOL_OK;
}

const struct tool tool_bench = {
	.name = "bench",
	.summary = "time, bytes and energy of every exit",
	.text = "Tells, for each path that an image can take, its share, accuracy, latency, "
		"cycles, bytes and energy, and the totals of edge only, cloud only and both. "
		"Each path is run alone, one image after the other, a window of each in turn, "
		"until three windows agree within 5 %. Energy is split into accelerator, host, "
		"radio and idle; each figure says whether a sensor measured it, a model "
		"computed it, or nobody knows it."
		"\vExit status: 0 done, 1 failed, or an image had no answer, 2 wrong usage, "
		"130 interrupted: the figures are of the windows before.",
	.options = options,
	.check = check,
	.main = bench,
};

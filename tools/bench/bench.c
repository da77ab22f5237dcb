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

enum {
	OPT_JSON = 256,
	OPT_CSV,
	OPT_PLOT,
	OPT_BESIDE,
	OPT_SWEEP,
	OPT_THRESHOLDS,
	OPT_TARGET,
	OPT_VALIDATION,
	OPT_RATE,
	OPT_WINDOW,
	OPT_MODEL,
	OPT_RADIO,
	OPT_MODELS,
	OPT_CLOCK,
	OPT_HOST,
	OPT_RAIL,
	OPT_SYSFS
};

static const struct argp_option options[] = {
	{"json", OPT_JSON, NULL, 0, "print the report as one JSON object", 0},
	{"csv", OPT_CSV, "FILE", 0, "write it as a table as well", 0},
	{"plot", OPT_PLOT, "DIR", 0, "draw it with gnuplot: SVG and PNG", 0},
	{"beside", OPT_BESIDE, "FILE", 0,
	 "figures of others to stand beside, such as models/meanet-paper.json", 0},
	{"sweep", OPT_SWEEP, NULL, 0, "accuracy, energy, latency and share sent over the threshold",
	 0},
	{"thresholds", OPT_THRESHOLDS, "LIST", 0,
	 "sweep these, as 0,0.5,1 (those that send 0, 5, ... 100 %)", 0},
	{"target", OPT_TARGET, "WHAT", 0,
	 "choose the threshold on validation images and write it into the bundle: accuracy=95% "
	 "with "
	 "the least energy, or the best accuracy with at most energy=MJ, latency=MS or sent=30%",
	 0},
	{"validation", OPT_VALIDATION, "PATH", 0,
	 "those images (the tenth of the training split that mea train held out)", 0},
	{"max-rate", OPT_RATE, "R", 0,
	 "at most R images a second: for power measurements, and the radio's tail", 0},
	{"window", OPT_WINDOW, "S", 0, "length of a window in seconds (2; 10 with a sensor)", 0},
	{"accelerator", OPT_MODEL, "NAME", 0, "energy model of the accelerator (asic-45nm)", 0},
	{"radio", OPT_RADIO, "NAME", 0, "model of the radio (wifi)", 0},
	{"models", OPT_MODELS, "FILE", 0, "models in JSON, shaped as tools/bench/models.json", 0},
	{"clock", OPT_CLOCK, "MHZ", 0, "the accelerator's clock (the device's, or the model's)", 0},
	{"host-power", OPT_HOST, "W", 0, "power of a busy core of the host over idle", 0},
	{"rail", OPT_RAIL, "PART=SENSOR", 0,
	 "a sensor stands for accelerator, host, radio or idle: its name or its rail, as the "
	 "report "
	 "lists them",
	 0},
	{"sysfs", OPT_SYSFS, "DIR", 0, "where sensors are (/sys)", 0},
	{0},
};

/* "accelerator=hwmon/hwmon0/power1_input". */
static void parse_rail(struct argp_state *state, struct bench *b, char *arg)
{
	char *equals = strchr(arg, '=');

	for (int k = 0; k < PARTS && equals; k++)
		if (!strncmp(arg, bench_parts[k], (size_t)(equals - arg)) &&
		    strlen(bench_parts[k]) == (size_t)(equals - arg)) {
			b->rails[k] = equals + 1;
			return;
		}
	argp_error(state,
		   "--rail: '%s' does not start with accelerator=, host=, radio= or idle=", arg);
}

static double positive(struct argp_state *state, const char *option, const char *arg)
{
	double v = tool_real(state, option, arg, 0, INFINITY);

	if (!(v > 0))
		argp_error(state, "%s: '%s' is not over 0", option, arg);
	return v;
}

static error_t parse_number(int key, char *arg, struct argp_state *state)
{
	struct bench *b = state->input;

	switch (key) {
	case OPT_RATE:
		b->max_rate = positive(state, "--max-rate", arg);
		return 0;
	case OPT_WINDOW:
		b->window_s = positive(state, "--window", arg);
		return 0;
	case OPT_CLOCK:
		b->clock_mhz = positive(state, "--clock", arg);
		return 0;
	case OPT_HOST:
		b->host_watts = tool_real(state, "--host-power", arg, 0, 1000);
		return 0;
	case OPT_RAIL:
		parse_rail(state, b, arg);
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &b->images;
		state->child_inputs[1] = &b->session;
		return 0;
	case ARGP_KEY_ARG:
		tool_only(state, &b->bundle, arg, "bundle");
		return 0;
	case ARGP_KEY_END:
		if (!b->bundle)
			argp_error(state, "which BUNDLE?");
		if (b->session.cloud_features)
			argp_error(state, "--cloud-send features: the cloud alone has none");
		if (b->target && b->session.has_threshold)
			argp_error(state, "--target chooses the threshold: not with --threshold");
		if ((b->sweep || b->target) && !b->session.cloud)
			argp_error(state, "%s: without --cloud no threshold changes anything",
				   b->target ? "--target" : "--sweep");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct bench *b = state->input;
	const struct {
		int key;
		const char **text;
	} texts[] = {{OPT_CSV, &b->csv},	  {OPT_PLOT, &b->plot},
		     {OPT_BESIDE, &b->beside},	  {OPT_THRESHOLDS, &b->thresholds},
		     {OPT_TARGET, &b->target},	  {OPT_VALIDATION, &b->validation},
		     {OPT_MODEL, &b->accel_name}, {OPT_RADIO, &b->radio_name},
		     {OPT_MODELS, &b->models},	  {OPT_SYSFS, &b->sysfs}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (key == texts[i].key) {
			*texts[i].text = arg;
			b->sweep |= key == OPT_THRESHOLDS;
			return 0;
		}
	if (key != OPT_JSON && key != OPT_SWEEP)
		return parse_number(key, arg, state);
	b->json |= key == OPT_JSON;
	b->sweep |= key == OPT_SWEEP;
	return 0;
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
	const char *name = b->session.device ? b->session.device : "auto";
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
	int rc = bench_check(b);
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
	b->threshold = b->session.has_threshold ? b->session.threshold : b->b->threshold;
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
	validation.paths = b->validation ? &b->validation : test.paths;
	validation.n_paths = b->validation ? 1 : test.n_paths;
	if (!b->validation)
		validation.limit = 0;
	b->images = validation;
	rc = images_open(&b->images, b->b->width, b->b->height, !b->validation, b->b);
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
		bench_print(report);
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

static int run(struct bench *b)
{
	int rc = load_all(b);

	if (!rc && b->target)
		rc = choose(b);
	if (!rc)
		rc = images_open(&b->images, b->b->width, b->b->height, false, b->b);
	if (!rc)
		rc = measure(b);
	return rc ? rc : show(b);
}

int tool_bench(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{&images_argp, 0, NULL, 0}, {&session_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {
		options,
		parse,
		"BUNDLE",
		"Tells, for each way that an image can take, its share, accuracy, latency, cycles, "
		"bytes and energy, and the totals of edge only, cloud only and both. Each way is "
		"run alone, one image after the other, a window of each in turn, until three "
		"windows agree within 5 %. Energy is split into accelerator, host, radio and idle; "
		"each figure says whether a sensor "
		"measured it, a model computed it, or nobody knows it."
		"\vExit status: 0 done, 1 failed, or an image had no answer, 2 wrong usage.",
		children,
		NULL,
		NULL};
	struct bench b = {.accel_name = "asic-45nm",
			  .radio_name = "wifi",
			  .sysfs = "/sys",
			  .host_watts = NAN};
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &b);
	b.notes = json_array();
	rc = run(&b);
	if (rc)
		tool_fail();
	forget(&b);
	for (int i = 0; i < PATHS; i++)
		free(b.path[i].rail);
	mea_sampler_close(b.sampler);
	mea_meters_close(b.meters);
	mea_bundle_free(b.b);
	json_decref(b.notes);
	json_decref(b.others);
	images_close(&b.images);
	return rc || b.unreadable || b.cloud_missed ? TOOL_FAILED : TOOL_OK;
}

// SPDX-License-Identifier: Apache-2.0
/* mea run BUNDLE: classifies images and tells where each left and at what cost. */
#include "run.h"
#include "mea/files.h"
#include "images/images.h"
#include "base/error.h"
#include "meanet/bundle.h"
#include "mea/session_args.h"
#include "mea/tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command_state {
	const char *bundle;
	struct session_args session;
	bool each, json, verbose;
	struct option_list inputs, outputs; /* of a lone network */
	struct images images;
	struct mea_session *s;
	struct run_report report;
	uint64_t periods;
	size_t count; /* images to run; the same one again with --periods */
	int *labels;  /* by number; UNREADABLE for images that have no result */
	/* With --each: results that wait for those of earlier images, so that the
	 * output has the order of the images whatever the backends do. */
	struct mea_result **held;
	size_t next;
	struct progress progress;
};

#define UNREADABLE (-2)

#define AT(f)	   FIELD(struct command_state, f)

static int add_image(void *args, const char *arg)
{
	struct command_state *c = args;

	return option_append(&c->images.paths, arg);
}

static const struct row options[] = {
	{NULL, "BUNDLE", AT(bundle), "bundle", .needed = true},
	{NULL, "IMAGE", .help = "image", .call = add_image},
	{.at = offsetof(struct command_state, images), .rows = images_options},
	{.at = offsetof(struct command_state, session), .rows = session_options},
	{"input", "FILE", AT(inputs),
	 "with MODEL.onnx: an input, as .npy file; NAME=FILE if there are several"},
	{"output", "FILE", AT(outputs), "with MODEL.onnx: where to write an output, or NAME=FILE"},
	{"period", "MS", AT(report.period.ms),
	 "an image every MS milliseconds; tells how long after that its answer came", OVER_0},
	{"periods", "N", AT(periods), "so many, the images in turn", 1,
	 .otherwise = "one for each image, or one"},
	{"each", NULL, AT(each), "tell about each image"},
	{"json", NULL, AT(json), "print one JSON object"},
	{"wide", NULL, AT(report.wide), "print all columns, however wide the terminal is"},
	{"clock", "MHZ", AT(report.clock_mhz), "clock of a simulated accelerator, for its times",
	 OVER_0, .value = "100"},
	{"verbose", NULL, AT(verbose), "tell on stderr why a backend was passed over", .key = 'v'},
	{0},
};

static void note(const char *text, void *ctx)
{
	struct command_state *c = ctx;

	/* Who names a device wants to know that another one answers; and compiling the
	 * kernels takes seconds, once. */
	if (c->verbose || strcmp(c->session.open.device, "auto") ||
	    (isatty(STDERR_FILENO) && !strncmp(text, "compiling kernels", 17)))
		fprintf(stderr, "%s: %s\n", tool_name, text);
	/* The session's thread writes here; we read only when it has nothing left
	 * to do. */
	if (c->report.notes)
		json_array_append_new(c->report.notes, tool_text(text));
}

static int open_all(struct command_state *c)
{
	struct mea_options o = session_args_open(&c->session);
	struct mea_bundle *b = NULL;
	int rc;

	o.note = note;
	o.note_ctx = c;
	rc = mea_open(c->bundle, &o, &c->s);
	if (!rc)
		rc = mea_bundle_load(c->bundle, &b);
	if (!rc)
		rc = images_open(&c->images, &(struct mea_data_want){0}, b);
	mea_bundle_free(b);
	return rc;
}

static void tell(struct command_state *c, const struct mea_result *res)
{
	char where[512];

	mea_data_where(c->images.data, res->tag % c->images.count, where, sizeof(where));
	if (c->json)
		report_each(&c->report, c->s, res, where, c->labels[res->tag]);
	else
		report_line(c->s, res, where, c->labels[res->tag]);
}

static void tell_ready(struct command_state *c)
{
	for (; c->next < c->count; c->next++) {
		struct mea_result *res = c->held[c->next];

		if (!res && c->labels[c->next] != UNREADABLE)
			return;
		if (res)
			tell(c, res);
		free(res);
		c->held[c->next] = NULL;
	}
}

static int hold(struct command_state *c, const struct mea_result *res)
{
	struct mea_result *copy = malloc(sizeof(*copy));

	if (!copy)
		return mea_nomem();
	*copy = *res;
	c->held[res->tag] = copy;
	tell_ready(c);
	return 0;
}

/* MEA_ENOENT: no image is under way; MEA_ETIMEDOUT: no answer within so many ms. */
static int take_result(struct command_state *c, int timeout_ms)
{
	struct mea_result res;
	char where[512];
	int rc = mea_collect(c->s, timeout_ms, &res);

	if (rc)
		return rc;
	if (c->report.period.ms > 0)
		period_answer(&c->report.period, &res);
	if (!res.error) {
		rc = report_add(&c->report, &res, c->labels[res.tag]);
	} else {
		c->report.failed++;
		mea_data_where(c->images.data, res.tag % c->images.count, where, sizeof(where));
		fprintf(stderr, "%s: %s: no answer: %s\n", tool_name, where, res.text);
	}
	return !rc && c->each ? hold(c, &res) : rc;
}

static void skip(struct command_state *c, size_t i)
{
	c->report.unreadable++;
	c->labels[i] = UNREADABLE;
	if (c->each)
		tell_ready(c);
}

/* Hands image i over when its period begins. One that finds the queue full has no answer. */
static int give_in_time(struct command_state *c, size_t i, const uint8_t *rgb)
{
	struct period *p = &c->report.period;
	int rc;

	while (!(rc = take_result(c, 0)))
		;
	if (rc != MEA_ENOENT && rc != MEA_ETIMEDOUT)
		return rc;
	period_wait(p, i);
	period_submit(p, i);
	rc = mea_submit(c->s, rgb, i);
	if (rc != MEA_EBUSY)
		return rc;
	period_drop(p);
	fprintf(stderr, "%s: image %zu: no answer: the queue is full\n", tool_name, i);
	c->report.failed++;
	c->labels[i] = UNREADABLE;
	return 0;
}

/* Hands image i over, taking results while the queue is full. */
static int give_image(struct command_state *c, size_t i, uint8_t *rgb)
{
	int rc = mea_data_get(c->images.data, i % c->images.count, rgb, &c->labels[i]);

	/* One bad file among many costs its own answer only. */
	if (rc) {
		tool_fail();
		skip(c, i);
		return 0;
	}
	if (c->labels[i] >= mea_class_count(c->s)) {
		fprintf(stderr, "%s: image %zu: class %d, but %s has %d classes\n", tool_name, i,
			c->labels[i], c->bundle, mea_class_count(c->s));
		skip(c, i);
		return 0;
	}
	if (c->report.period.ms > 0)
		return give_in_time(c, i, rgb);
	while ((rc = mea_submit(c->s, rgb, i)) == MEA_EBUSY) {
		rc = take_result(c, -1);
		if (rc)
			return rc;
	}
	return rc;
}

static int classify_all(struct command_state *c)
{
	int width, height, rc = 0;
	uint8_t *rgb;

	c->count = c->periods ? (size_t)c->periods : c->images.count;
	mea_input_size(c->s, &width, &height);
	rgb = malloc((size_t)width * (size_t)height * 3);
	c->labels = calloc(c->count, sizeof(*c->labels));
	c->held = calloc(c->each ? c->count : 1, sizeof(*c->held));
	if (!rgb || !c->labels || !c->held) {
		free(rgb);
		return mea_nomem();
	}
	if (c->report.period.ms > 0)
		rc = period_start(&c->report.period, c->count);
	for (size_t i = 0; i < c->count && !rc && !tool_interrupted(); i++) {
		rc = give_image(c, i, rgb);
		progress_step(i + 1, c->count, &c->progress);
	}
	while (!rc && !tool_interrupted())
		rc = take_result(c, -1);
	progress_end(&c->progress);
	free(rgb);
	return rc == MEA_ENOENT ? 0 : rc;
}

static int run_all(struct command_state *c)
{
	double start = tool_now();
	int rc;

	if (c->json)
		c->report.notes = json_array();
	if (c->json && c->each)
		c->report.each = json_array();
	c->report.cloud = c->session.open.cloud != NULL;
	rc = open_all(c);
	if (!rc)
		rc = classify_all(c);
	if (rc)
		return tool_fail();
	report_costs(&c->report, c->s);
	mea_link_figures(c->s, &c->report.link);
	c->report.asked = c->count;
	c->report.bundle = c->bundle;
	c->report.data = images_title(&c->images);
	c->report.seconds = tool_now() - start;
	rc = c->json ? report_json(&c->report) : report_table(&c->report);
	if (tool_interrupted() && !rc)
		return TOOL_INTERRUPTED;
	return c->report.failed || c->report.unreadable ? TOOL_FAILED : rc;
}

static bool is_model(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && !strcmp(dot, ".onnx");
}

static int run_model(struct command_state *c)
{
	struct run_network_args a = {.path = c->bundle,
				     .open = session_args_open(&c->session),
				     .inputs = &c->inputs,
				     .outputs = &c->outputs,
				     .json = c->json,
				     .clock_mhz = c->report.clock_mhz,
				     .period = &c->report.period,
				     .periods = c->periods ? (size_t)c->periods : 1};
	int rc;

	a.open.note = note;
	a.open.note_ctx = c;
	rc = run_network(&a);
	period_free(&c->report.period);
	free(c->inputs.items);
	free(c->outputs.items);
	images_close(&c->images);
	return rc;
}

/* --input and --output belong to a lone network. */
static int check(void *args)
{
	const struct command_state *c = args;

	if (c->periods && !(c->report.period.ms > 0))
		return mea_fail(MEA_EINVAL, "--periods: needs --period MS");
	if ((c->inputs.n || c->outputs.n) && !is_model(c->bundle))
		return mea_fail(MEA_EINVAL, "--%s: %s is no MODEL.onnx",
				c->inputs.n ? "input" : "output", c->bundle);
	return 0;
}

static int run(int argc, char **argv)
{
	struct command_state c = {.session.open = MEA_OPTIONS_INIT, .progress = {.what = "images"}};
	int rc;

	option_parse(&tool_run, argc, argv, &c);
	/* One run of a lone network ends at once. */
	if (!is_model(c.bundle) || c.report.period.ms > 0)
		tool_catch_interrupt();
	if (is_model(c.bundle))
		return run_model(&c);
	/* Whoever reads the lines of --each in a pipe has each at once. */
	if (c.each && !c.json)
		setvbuf(stdout, NULL, _IOLBF, 0);
	rc = run_all(&c);
	mea_close(c.s);
	report_free(&c.report);
	period_free(&c.report.period);
	json_decref(c.report.each);
	json_decref(c.report.notes);
	for (size_t i = 0; c.each && c.held && i < c.count; i++)
		free(c.held[i]);
	free(c.held);
	free(c.labels);
	images_close(&c.images);
	return rc;
}

const struct tool tool_run = {
	.name = "run",
	.summary = "classify images; accuracy and cost per exit",
	.text = "Classifies images with a model bundle. Each image leaves at main, at the "
		"extension or at the cloud; the table tells, per exit, its images, accuracy, "
		"and the mean cost of an image. Images after BUNDLE are more --data. In the place "
		"of "
		"BUNDLE, MODEL.onnx is one int8 network, which runs on the tensors of --input."
		"\vExit status: 0 every image was answered, 1 one was not, 2 wrong usage, "
		"130 interrupted: the table is of the images before.",
	.options = options,
	.check = check,
	.main = run,
};

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

struct run {
	const char *bundle;
	struct session_args session;
	bool each, json, verbose;
	struct images images;
	struct mea_session *s;
	struct run_report report;
	int *labels; /* by index; UNREADABLE for images that have no result */
	/* With --each: results that wait for those of earlier images, so that the
	 * output has the order of the images whatever the backends do. */
	struct mea_result **held;
	size_t next;
	struct progress progress;
};

#define UNREADABLE (-2)

#define AT(f)	   FIELD(struct run, f)

/* Options come first, so the paths of --data are known. */
static int add_image(void *args, const char *arg)
{
	struct run *r = args;

	if (!r->images.paths.n)
		return mea_fail(MEA_EINVAL, "'%s': images are named by --data", arg);
	return option_append(&r->images.paths, arg);
}

static const struct row options[] = {
	{NULL, "BUNDLE", AT(bundle), "bundle", .needed = true},
	{NULL, "IMAGE", .help = "image", .call = add_image},
	{.at = offsetof(struct run, images), .rows = images_options},
	{.at = offsetof(struct run, session), .rows = session_options},
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
	struct run *r = ctx;

	/* Who names a device wants to know that another one answers; and compiling the
	 * kernels takes seconds, once. */
	if (r->verbose || strcmp(r->session.open.device, "auto") ||
	    (isatty(STDERR_FILENO) && !strncmp(text, "compiling kernels", 17)))
		fprintf(stderr, "%s: %s\n", tool_name, text);
	/* The session's thread writes here; we read only when it has nothing left
	 * to do. */
	if (r->report.notes)
		json_array_append_new(r->report.notes, tool_text(text));
}

static int open_all(struct run *r)
{
	struct mea_options o = session_args_open(&r->session);
	struct mea_bundle *b = NULL;
	int rc;

	o.note = note;
	o.note_ctx = r;
	rc = mea_open(r->bundle, &o, &r->s);
	if (!rc)
		rc = mea_bundle_load(r->bundle, &b);
	if (!rc)
		rc = images_open(&r->images, b->width, b->height, false, b);
	mea_bundle_free(b);
	return rc;
}

static void tell(struct run *r, const struct mea_result *res)
{
	char where[512];

	mea_data_where(r->images.data, res->tag, where, sizeof(where));
	if (r->json)
		report_each(&r->report, r->s, res, where, r->labels[res->tag]);
	else
		report_line(r->s, res, where, r->labels[res->tag]);
}

static void tell_ready(struct run *r)
{
	for (; r->next < r->images.count; r->next++) {
		struct mea_result *res = r->held[r->next];

		if (!res && r->labels[r->next] != UNREADABLE)
			return;
		if (res)
			tell(r, res);
		free(res);
		r->held[r->next] = NULL;
	}
}

static int hold(struct run *r, const struct mea_result *res)
{
	struct mea_result *copy = malloc(sizeof(*copy));

	if (!copy)
		return mea_nomem();
	*copy = *res;
	r->held[res->tag] = copy;
	tell_ready(r);
	return 0;
}

static int take_result(struct run *r)
{
	struct mea_result res;
	char where[512];
	int rc = mea_collect(r->s, -1, &res);

	if (rc)
		return rc;
	if (!res.error) {
		rc = report_add(&r->report, &res, r->labels[res.tag]);
	} else {
		r->report.failed++;
		mea_data_where(r->images.data, res.tag, where, sizeof(where));
		fprintf(stderr, "%s: %s: no answer: %s\n", tool_name, where, res.text);
	}
	return !rc && r->each ? hold(r, &res) : rc;
}

static void skip(struct run *r, size_t i)
{
	r->report.unreadable++;
	r->labels[i] = UNREADABLE;
	if (r->each)
		tell_ready(r);
}

/* Hands image i over, taking results while the queue is full. */
static int give_image(struct run *r, size_t i, uint8_t *rgb)
{
	int rc = mea_data_get(r->images.data, i, rgb, &r->labels[i]);

	/* One bad file among many costs its own answer only. */
	if (rc) {
		tool_fail();
		skip(r, i);
		return 0;
	}
	if (r->labels[i] >= mea_class_count(r->s)) {
		fprintf(stderr, "%s: image %zu: class %d, but %s has %d classes\n", tool_name, i,
			r->labels[i], r->bundle, mea_class_count(r->s));
		skip(r, i);
		return 0;
	}
	while ((rc = mea_submit(r->s, rgb, i)) == MEA_EBUSY) {
		rc = take_result(r);
		if (rc)
			return rc;
	}
	return rc;
}

static int classify_all(struct run *r)
{
	int width, height, rc = 0;
	uint8_t *rgb;

	mea_input_size(r->s, &width, &height);
	rgb = malloc((size_t)width * (size_t)height * 3);
	r->labels = calloc(r->images.count, sizeof(*r->labels));
	r->held = calloc(r->each ? r->images.count : 1, sizeof(*r->held));
	if (!rgb || !r->labels || !r->held) {
		free(rgb);
		return mea_nomem();
	}
	for (size_t i = 0; i < r->images.count && !rc && !tool_interrupted(); i++) {
		rc = give_image(r, i, rgb);
		progress_step(i + 1, r->images.count, &r->progress);
	}
	while (!rc && !tool_interrupted())
		rc = take_result(r);
	progress_end(&r->progress);
	free(rgb);
	return rc == MEA_ENOENT ? 0 : rc;
}

static int run_all(struct run *r)
{
	double start = tool_now();
	int rc;

	if (r->json)
		r->report.notes = json_array();
	if (r->json && r->each)
		r->report.each = json_array();
	r->report.cloud = r->session.open.cloud != NULL;
	rc = open_all(r);
	if (!rc)
		rc = classify_all(r);
	if (rc)
		return tool_fail();
	report_costs(&r->report, r->s);
	mea_link_figures(r->s, &r->report.link);
	r->report.asked = r->images.count;
	r->report.bundle = r->bundle;
	r->report.data = images_title(&r->images);
	r->report.seconds = tool_now() - start;
	rc = r->json ? report_json(&r->report) : report_table(&r->report);
	if (tool_interrupted() && !rc)
		return TOOL_INTERRUPTED;
	return r->report.failed || r->report.unreadable ? TOOL_FAILED : rc;
}

static int run(int argc, char **argv)
{
	struct run r = {.session.open = MEA_OPTIONS_INIT, .progress = {.what = "images"}};
	int rc;

	option_parse(&tool_run, argc, argv, &r);
	tool_catch_interrupt();
	/* Whoever reads the lines of --each in a pipe has each at once. */
	if (r.each && !r.json)
		setvbuf(stdout, NULL, _IOLBF, 0);
	rc = run_all(&r);
	mea_close(r.s);
	report_free(&r.report);
	json_decref(r.report.each);
	json_decref(r.report.notes);
	for (size_t i = 0; r.each && r.held && i < r.images.count; i++)
		free(r.held[i]);
	free(r.held);
	free(r.labels);
	images_close(&r.images);
	return rc;
}

const struct tool tool_run = {
	.name = "run",
	.summary = "classify images; accuracy and cost per exit",
	.text = "Classifies images with a model bundle. Each image leaves at main, at the "
		"extension or at the cloud; the table tells, per exit, its images, accuracy, "
		"and the mean cost of an image. Images after BUNDLE are more --data."
		"\vExit status: 0 every image was answered, 1 one was not, 2 wrong usage, "
		"130 interrupted: the table is of the images before.",
	.options = options,
	.main = run,
};

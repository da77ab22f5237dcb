// SPDX-License-Identifier: Apache-2.0
/* mea report BUNDLE: measures as mea bench does, and writes one page about it. */
#include "report.h"
#include "mea/files.h"
#include "run/trace.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct row options[] = {
	{NULL, "BUNDLE", FIELD(struct report, bench.bundle), "bundle", .needed = true},
	{.at = offsetof(struct report, bench), .rows = bench_options},
	{"out", "DIR", FIELD(struct report, out), "folder of the page, index.html", .key = 'o',
	 .needed = true},
	{0},
};

static int check(void *args)
{
	struct report *r = args;

	r->bench.sweep = r->bench.session.open.cloud != NULL;
	return bench_check(&r->bench);
}

/* --- the file ------------------------------------------------------------------------- */

/* The page, in a folder that is made for it. */
struct draft {
	struct file_draft file;
	bool made; /* the folder is ours */
};

/* Before anything is measured, so that a bad folder costs no time. */
static int draft_open(struct draft *d, const char *dir)
{
	struct stat st;
	char *path;
	int rc;

	if (!stat(dir, &st) && !S_ISDIR(st.st_mode))
		return mea_fail(MEA_EINVAL, "--out: %s: is no folder", dir);
	d->made = !mkdir(dir, 0777);
	if (!d->made && errno != EEXIST)
		return mea_fail(MEA_EIO, "%s: cannot make the folder: %s", dir, strerror(errno));
	if (asprintf(&path, "%s/index.html", dir) < 0)
		return mea_nomem();
	rc = file_begin(&d->file, path);
	free(path);
	return rc;
}

/* --- the figures ---------------------------------------------------------------------- */

/* Layers are those of the accelerator, whoever answers the images, and of a black image: cycles
 * depend on neither. */
static int trace_layers(struct report *r)
{
	const struct mea_bundle *b = r->bench.b;
	struct mea_options o = MEA_OPTIONS_INIT;
	struct traced t = {0};
	uint8_t *rgb = calloc((size_t)b->width * (size_t)b->height, 3);
	int rc = rgb ? mea_model_load(r->bench.bundle, &t.model) : mea_nomem();

	o.backends = "accel";
	o.device = r->bench.session.open.device;
	if (!rc && trace_run(&t, &o, rgb, false))
		snprintf(r->no_layers, sizeof(r->no_layers), "%s", mea_errmsg());
	else if (!rc)
		r->layers = trace_json(r->bench.bundle, &t);
	trace_free(&t);
	free(rgb);
	return rc;
}

static int make(struct report *r, struct draft *d)
{
	int rc = draft_open(d, r->out);

	if (!rc)
		rc = bench_run(&r->bench);
	if (!rc)
		rc = trace_layers(r);
	if (rc)
		return rc;
	if (tool_interrupted())
		bench_note(&r->bench,
			   "interrupted: the latencies are of the windows before, if any");
	r->figures = bench_report(&r->bench);
	rc = r->figures ? page_write(d->file.f, r) : mea_nomem();
	if (!rc)
		rc = file_finish(&d->file);
	if (!rc)
		printf("%s\n", d->file.final);
	return rc;
}

static int report(int argc, char **argv)
{
	struct report r = {.bench = BENCH_INIT};
	struct draft draft = {0};
	bool complete;
	int rc;

	option_parse(&tool_report, argc, argv, &r);
	tool_catch_interrupt();
	rc = make(&r, &draft);
	if (rc)
		tool_fail();
	complete = bench_complete(&r.bench);
	file_abandon(&draft.file);
	if (rc && draft.made)
		rmdir(r.out);
	json_decref(r.figures);
	json_decref(r.layers);
	bench_close(&r.bench);
	if (!rc && tool_interrupted())
		return TOOL_INTERRUPTED;
	return rc || !complete ? TOOL_FAILED : TOOL_OK;
}

const struct tool tool_report = {
	.name = "report",
	.summary = "one HTML page of exits, images, energy and layers",
	.text = "Measures as mea bench does and writes DIR/index.html: how the images part at the "
		"exits, with accuracy, time and energy; which classes are taken for which; images "
		"of each exit with what every network said, the misrouted first; the plots; cycles "
		"of each layer. The page needs no network and runs no script."
		"\vExit status: 0 done, 1 failed, or an image had no answer, 2 wrong usage, "
		"130 interrupted: the figures are of the windows before. A failure leaves an older "
		"page as it was.",
	.options = options,
	.check = check,
	.main = report,
};

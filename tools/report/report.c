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

/* The page while it is written; it gets its name when it is whole. */
struct draft {
	const char *dir;
	char *path, *final;
	bool made; /* the folder is ours */
	FILE *f;
};

/* Before anything is measured, so that a bad folder costs no time. */
static int draft_open(struct draft *p, const char *dir)
{
	struct stat st;
	int rc;

	*p = (struct draft){.dir = dir};
	p->made = stat(dir, &st) != 0;
	if (!p->made && !S_ISDIR(st.st_mode))
		return mea_fail(MEA_EINVAL, "--out: %s: is no folder", dir);
	rc = folder_make(dir);
	if (rc) {
		p->made = false;
		return rc;
	}
	if (asprintf(&p->final, "%s/index.html", dir) < 0) {
		p->final = NULL;
		return mea_nomem();
	}
	if (asprintf(&p->path, "%s.tmp%ld", p->final, (long)getpid()) < 0) {
		p->path = NULL;
		return mea_nomem();
	}
	p->f = fopen(p->path, "wx");
	return p->f ? 0 : mea_fail(MEA_EIO, "%s: %s", p->path, strerror(errno));
}

/* Puts the page in its place. */
static int draft_finish(struct draft *p)
{
	FILE *f = p->f;

	p->f = NULL;
	if (ferror(f) | fclose(f)) {
		unlink(p->path);
		return mea_fail(MEA_EIO, "%s: cannot be written", p->path);
	}
	if (rename(p->path, p->final)) {
		int rc = mea_fail(MEA_EIO, "%s: %s", p->final, strerror(errno));

		unlink(p->path);
		return rc;
	}
	return 0;
}

/* Leaves nothing of a page that was not finished. */
static void draft_close(struct draft *p, bool finished)
{
	if (p->f) {
		fclose(p->f);
		unlink(p->path);
	}
	if (!finished && p->made)
		rmdir(p->dir);
	free(p->path);
	free(p->final);
}

/* --- the figures ---------------------------------------------------------------------- */

/* Layers are those of the accelerator, whoever answers the images: cycles do not depend on that. */
static int trace_layers(struct report *r)
{
	struct images im = {.paths = r->bench.images.paths, .limit = 1};
	struct mea_options o = MEA_OPTIONS_INIT;
	struct traced t;
	int rc;

	o.backends = "accel";
	o.device = r->bench.session.open.device;
	rc = trace_run(r->bench.bundle, &o, &im, &t);
	if (rc)
		snprintf(r->no_layers, sizeof(r->no_layers), "%s", mea_errmsg());
	else
		r->layers = trace_json(r->bench.bundle, &t);
	trace_free(&t);
	mea_data_close(im.data);
	return rc || r->layers ? 0 : mea_nomem();
}

static int make(struct report *r, struct draft *p)
{
	int rc = draft_open(p, r->out);

	if (!rc)
		rc = bench_run(&r->bench);
	if (!rc)
		rc = trace_layers(r);
	if (rc)
		return rc;
	r->figures = bench_report(&r->bench);
	rc = r->figures ? page_write(p->f, r) : mea_nomem();
	return rc ? rc : draft_finish(p);
}

static int report(int argc, char **argv)
{
	struct report r = {.bench = BENCH_INIT};
	struct draft draft = {0};
	int rc;

	option_parse(&tool_report, argc, argv, &r);
	tool_catch_interrupt();
	rc = make(&r, &draft);
	if (rc)
		tool_fail();
	else if (!bench_complete(&r.bench))
		rc = TOOL_FAILED;
	if (draft.final && !draft.f && rc >= 0)
		printf("%s\n", draft.final);
	draft_close(&draft, rc >= 0);
	json_decref(r.figures);
	json_decref(r.layers);
	bench_close(&r.bench);
	if (!rc && tool_interrupted())
		return TOOL_INTERRUPTED;
	return rc ? TOOL_FAILED : TOOL_OK;
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

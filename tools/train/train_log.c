// SPDX-License-Identifier: Apache-2.0
/* mea train --log: a line for every epoch, for plots and spreadsheets. */
#include "train.h"

#include "base/error.h"
#include "mea/files.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char columns[] =
	"epoch,epochs,loss,accuracy,held_accuracy,rate,images_per_second,seconds\n";

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && !strcmp(s + n - m, end);
}

int train_log_check(const char *path)
{
	return ends_with(path, ".csv") || ends_with(path, ".jsonl")
		       ? 0
		       : mea_fail(MEA_EINVAL, "--log %s: a name ends with .csv or .jsonl", path);
}

int train_log_open(struct train *t)
{
	t->log_start = tool_now();
	if (!t->log_path)
		return 0;
	/* A training that is resumed goes on where its log ends. */
	t->log = fopen(t->log_path, t->resume ? "a" : "w");
	if (!t->log)
		return mea_fail(MEA_EIO, "--log %s: %s", t->log_path, strerror(errno));
	if (ends_with(t->log_path, ".csv") && ftell(t->log) == 0)
		fputs(columns, t->log);
	return 0;
}

void train_log_epoch(struct train *t, const struct mea_report *r)
{
	double seconds = tool_now() - t->log_start;

	if (!t->log)
		return;
	if (ends_with(t->log_path, ".csv")) {
		fprintf(t->log, "%d,%d,%.6g,%.6g,", r->epoch, r->epochs, r->loss, r->accuracy);
		/* Nothing is held out: an empty field. */
		if (!isnan(r->held_accuracy))
			fprintf(t->log, "%.6g", r->held_accuracy);
		fprintf(t->log, ",%.6g,%.6g,%.3f\n", r->rate, r->images_per_second, seconds);
	} else {
		json_t *o = json_pack("{s:i, s:i, s:f, s:f, s:o, s:f, s:f, s:f}", "epoch", r->epoch,
				      "epochs", r->epochs, "loss", r->loss, "accuracy", r->accuracy,
				      "held_accuracy", tool_real_json(r->held_accuracy), "rate",
				      r->rate, "images_per_second", r->images_per_second, "seconds",
				      seconds);

		if (o && !json_dumpf(o, t->log, JSON_COMPACT | JSON_REAL_PRECISION(9)))
			fputc('\n', t->log);
		json_decref(o);
	}
	fflush(t->log);
}

int train_log_close(struct train *t)
{
	FILE *f = t->log;

	t->log = NULL;
	if (f && (ferror(f) | fclose(f)))
		return mea_fail(MEA_EIO, "--log %s: not all of it could be written", t->log_path);
	return 0;
}

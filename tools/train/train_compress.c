// SPDX-License-Identifier: Apache-2.0
/* mea train --compress: what it asks for, and what it saved. */
#include "train.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMS "adacomp[:conv=N,fc=N,factor=F,dense=EPOCHS], topk:RATE, auto or none"

static bool number(const char *text, double least, double most, double *x)
{
	char *end;

	*x = strtod(text, &end);
	return end != text && !*end && *x >= least && *x <= most;
}

static bool whole(const char *text, int least, int most, int *n)
{
	double x;
	bool good = number(text, least, most, &x) && x == floor(x);

	*n = good ? (int)x : *n;
	return good;
}

/* One NAME=VALUE of adacomp's. */
static bool setting(char *text, struct mea_compress_options *o)
{
	char *value = strchr(text, '=');
	double factor;

	if (!value)
		return false;
	*value++ = 0;
	if (!strcmp(text, "conv"))
		return whole(value, 1, 1000000, &o->conv);
	if (!strcmp(text, "fc"))
		return whole(value, 1, 1000000, &o->fc);
	if (!strcmp(text, "dense"))
		return whole(value, 0, 10000, &o->dense);
	if (strcmp(text, "factor") || !number(value, 1, 100, &factor))
		return false;
	o->factor = (float)factor;
	return true;
}

static bool parse(char *text, struct mea_compress_options *o)
{
	char *more = strchr(text, ':'), *next;
	double rate;

	*o = (struct mea_compress_options){
		.kind = MEA_COMPRESS_ADACOMP, .conv = 50, .fc = 500, .factor = 2};
	if (more)
		*more++ = 0;
	if (!strcmp(text, "none") || !strcmp(text, "auto")) {
		o->measure = *text == 'a';
		o->kind = o->measure ? MEA_COMPRESS_ADACOMP : MEA_COMPRESS_NONE;
		return !more;
	}
	if (!strcmp(text, "topk")) {
		o->kind = MEA_COMPRESS_TOPK;
		if (!more || !number(more, 1e-6, 1, &rate))
			return false;
		o->rate = (float)rate;
		return true;
	}
	if (strcmp(text, "adacomp"))
		return false;
	for (; more; more = next) {
		next = strchr(more, ',');
		if (next)
			*next++ = 0;
		if (!setting(more, o))
			return false;
	}
	return true;
}

int train_compress_parse(const char *text, struct mea_compress_options *o)
{
	char *copy = strdup(text);
	int rc = !copy		  ? mea_nomem()
		 : parse(copy, o) ? 0
				  : mea_fail(MEA_EINVAL, "--compress %s: is none of " FORMS, text);

	free(copy);
	return rc;
}

void train_compress_chose(double whole_seconds, double compressed, bool compress, void *ctx)
{
	(void)ctx;
	if (isnan(compressed)) {
		printf("--compress auto: no network lies between the ranks: nothing is "
		       "compressed\n");
		return;
	}
	printf("--compress auto: a step takes %.3f s, a compressed one %.3f s: %s\n", whole_seconds,
	       compressed, compress ? "gradients are compressed" : "nothing is");
	fflush(stdout);
}

static void tell(const char *what, double bytes, double whole_bytes, double steps)
{
	if (whole_bytes > 0)
		printf("  %-12s %12.0f %12.0f %8.1f\n", what, bytes / steps, whole_bytes / steps,
		       whole_bytes / bytes);
}

static void tell_packets(const struct mea_compress_sent *s)
{
	double n = (double)s->steps;

	printf("packets of this rank, a step     bytes      float32     rate\n");
	tell("convolutions", s->conv, s->conv_whole, n);
	tell("heads", s->fc, s->fc_whole, n);
	tell("vectors", s->other, s->other_whole, n);
	tell("together", s->conv + s->fc + s->other, s->conv_whole + s->fc_whole + s->other_whole,
	     n);
}

void train_compress_tell(const struct train *t, const struct mea_fit *f)
{
	if (f->sent.steps)
		tell_packets(&f->sent);
	if (t->team && f->steps)
		printf("handed to MPI by this rank, of all kinds: %.0f bytes a step\n",
		       t->team->sent / (double)f->steps);
}

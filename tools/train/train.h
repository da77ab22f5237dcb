/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `mea train` share. */
#ifndef MEA_TOOL_TRAIN_H
#define MEA_TOOL_TRAIN_H

#include <jansson.h>
#include <stdio.h>

#include "mea/tool.h"
#include "train/fit.h"

enum train_stage { STAGE_MAIN, STAGE_EDGE, STAGE_CLOUD, STAGE_JOINT, STAGE_INIT };

struct train {
	enum train_stage stage;
	const char *net, *data, *out, *teacher;
	const char *answers; /* file of the teacher's; NULL: none */
	const char *keep;    /* data that the bundle was trained on: the edge goes on learning */
	struct mea_recipe recipe;
	float blend;	   /* share of the trained weights in those that are written */
	int hard;	   /* hard classes; 0: half */
	int size, classes; /* init: side of the images, outputs of main */
	bool concat, no_adaptive, no_mirror;
	bool random; /* a control: hard classes are chosen at random */
	bool resume, verbose, quantize;
	int every;     /* seconds between checkpoints */
	int threads;   /* 0: as OpenMP has it */
	double memory; /* MB that it may hold; 0: no limit */
	bool rate_given;
	struct progress progress;
	struct mea_team *team; /* NULL: alone */
	const char *compress, *weights;
	const char *log_path; /* NULL: no log */

	/* while it runs */
	struct mea_set *set;
	struct mea_pick kept, held;
	char what[256];	  /* names the training in checkpoints */
	char *checkpoint; /* its file */
	/* What else the result follows from: SHA-256 of main or the extension before, of the
	 * teacher; "": none. */
	char basis[80], taught_by[80];
	FILE *log;
	double log_start; /* tool_now() then */
	double bits;	  /* of integer weights, in the mean */
};

extern volatile sig_atomic_t train_stop;

/* Trains and writes the bundle; 1 when it was stopped and can be resumed. */
int train_stage_run(struct train *t);

/* Whether --net is a file and not a name. */
bool train_net_is_file(const char *net);

/* Runs f with progress and checkpoint as t has them. */
int train_fit(struct train *t, struct mea_fit *f);
/* --log: whether the name says which format; the file, for each epoch of a training. A log that
 * cannot be written ends no training: the last call tells. Each returns 0 or a negative error. */
int train_log_check(const char *path);
int train_log_open(struct train *t);
void train_log_epoch(struct train *t, const struct mea_report *r);
int train_log_close(struct train *t);
/* With --memory: changes the recipe, which is f's, so that f fits, or fails. */
int train_fit_in(struct train *t, struct mea_fit *f);
/* How networks answer before that: a recipe of small batches with --memory, else t's. */
struct mea_recipe train_recipe_before(const struct train *t);
/* Prints what was held while it trained. */
void train_tell_memory(const struct mea_mem *m);
/* --compress: the options that text asks for; what auto chose; the table of what was sent. */
int train_compress_parse(const char *text, struct mea_compress_options *o);
void train_compress_chose(double whole, double compressed, bool compress, void *ctx);
void train_compress_tell(const struct train *t, const struct mea_fit *f);
/* --weights: what text asks for. */
int train_weights_parse(const char *text, struct mea_grid_options *o);
/* The teacher of --teacher, if one is given, as f's; m is freed by the caller. */
int train_teacher(struct train *t, const float its_mean[3], const float its_std[3],
		  struct mea_tmodel *m, struct mea_fit *f);

int train_edge(struct train *t);
int train_new(struct train *t);
/* With --quantize: int8 networks in the bundle, calibrated on images of n sets (2 at most). */
int train_quantize(const struct train *t, const struct mea_set *const *sets, int n);
int train_init(struct train *t);

/* Sets doc.training.STAGE: how a network was made. */
void train_note(const struct train *t, json_t *doc, double temperature);

#endif

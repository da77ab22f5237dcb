// SPDX-License-Identifier: Apache-2.0
/* mea train: options and signals; train_stage.c does it. */
#include "train.h"

#include "base/error.h"
#include "train/dnnl.h"

#include <omp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

volatile sig_atomic_t train_stop;

enum {
	OPT_NET = 256,
	OPT_DATA,
	OPT_OUT,
	OPT_EPOCHS,
	OPT_BATCH,
	OPT_RATE,
	OPT_SCHEDULE,
	OPT_MOMENTUM,
	OPT_DECAY,
	OPT_SMOOTHING,
	OPT_AVERAGE,
	OPT_BLEND,
	OPT_TEACHER,
	OPT_SHARE,
	OPT_TEMPERATURE,
	OPT_PAD,
	OPT_NO_MIRROR,
	OPT_CUTOUT,
	OPT_MIXUP,
	OPT_VIEWS,
	OPT_ANSWERS,
	OPT_SEED,
	OPT_TYPE,
	OPT_THREADS,
	OPT_RESUME,
	OPT_EVERY,
	OPT_KEEP,
	OPT_HARD,
	OPT_CHOOSE,
	OPT_JOIN,
	OPT_NO_ADAPTIVE,
	OPT_QUANTIZE,
	OPT_SIZE,
	OPT_CLASSES
};

static const struct argp_option options[] = {
	{"net", OPT_NET, "NAME", 0,
	 "network: resnetN-a or resnetN-b, resnet18-b, mobilenetv2-b (main, edge, init), resnet9 "
	 "or "
	 "resnetN (cloud), or FILE.onnx to start from (main, cloud)",
	 1},
	{"data", OPT_DATA, "DIR", 0, "folder with the images", 1},
	{"out", OPT_OUT, "BUNDLE", 0, "folder of the bundle, made if missing", 1},
	{"resume", OPT_RESUME, NULL, 0, "go on from the checkpoint in BUNDLE, if there is one", 1},
	{"quantize", OPT_QUANTIZE, NULL, 0, "also write int8 networks (main, edge, joint)", 1},
	{"checkpoint-every", OPT_EVERY, "S", 0, "seconds between checkpoints (300)", 1},
	{"verbose", 'v', NULL, 0, "a line for every epoch", 1},
	{"epochs", OPT_EPOCHS, "N", 0, "passes over the images (30)", 2},
	{"batch", OPT_BATCH, "N", 0, "images a step (128)", 2},
	{"schedule", OPT_SCHEDULE, "NAME", 0, "of the learning rate: one-cycle, cosine, steps", 2},
	{"rate", OPT_RATE, "R", 0, "the highest learning rate (0.2; edge 0.1)", 2},
	{"momentum", OPT_MOMENTUM, "M", 0, "Nesterov's momentum (0.9)", 2},
	{"decay", OPT_DECAY, "D", 0, "weight decay (0.0005)", 2},
	{"smoothing", OPT_SMOOTHING, "S", 0, "share of the target that all classes get (0)", 2},
	{"average", OPT_AVERAGE, "D", 0,
	 "keep a moving average of the weights, of decay D a step (0.999, say), which is what is "
	 "measured and written (0: none)",
	 2},
	{"blend", OPT_BLEND, "W", 0,
	 "main, cloud: write W of the trained weights and 1 - W of those of --net FILE.onnx, from "
	 "which they started (1)",
	 2},
	{"seed", OPT_SEED, "S", 0, "of weights, order, split and crops (1)", 2},
	{"type", OPT_TYPE, "TYPE", 0, "f32 or bf16 (bf16 where the CPU multiplies it)", 2},
	{"threads", OPT_THREADS, "N", 0, "threads (all cores)", 2},
	{"teacher", OPT_TEACHER, "FILE", 0, "learn from this network's answers as well", 3},
	{"share", OPT_SHARE, "A", 0, "the teacher's share in the loss (0.7)", 3},
	{"temperature", OPT_TEMPERATURE, "T", 0, "that softens both answers (4)", 3},
	{"answers", OPT_ANSWERS, "FILE", 0,
	 "keep the teacher's answers in FILE (made if missing): a training that is resumed, or "
	 "another one with the same teacher, images, seed and crops, does not ask again; with "
	 "--views",
	 3},
	{"pad", OPT_PAD, "N", 0, "images move by up to N pixels (4)", 4},
	{"no-mirror", OPT_NO_MIRROR, NULL, 0, "no mirrored images; letters need that", 4},
	{"cutout", OPT_CUTOUT, "N", 0, "cover a square of N pixels (0)", 4},
	{"mixup", OPT_MIXUP, "A", 0, "mix pairs of images, shares from Beta(A, A), A up to 1", 4},
	{"views", OPT_VIEWS, "N", 0,
	 "see every image in N crops only, in turn: a teacher then answers each once, which saves "
	 "most of its time (0: new ones in every epoch)",
	 4},
	{"keep", OPT_KEEP, "DIR", 0,
	 "edge: the bundle's extension goes on learning, from new images in --data and as many of "
	 "these, which it knows",
	 5},
	{"hard", OPT_HARD, "N", 0, "edge: how many classes are hard (half)", 5},
	{"choose", OPT_CHOOSE, "HOW", 0,
	 "edge: those of least precision, or a control: at random (precision)", 5},
	{"join", OPT_JOIN, "HOW", 0, "edge: features and adaptive block by sum or concat (sum)", 5},
	{"no-adaptive", OPT_NO_ADAPTIVE, NULL, 0, "edge: a control without that block", 5},
	{"size", OPT_SIZE, "N", 0, "init: images of N x N pixels (224)", 6},
	{"classes", OPT_CLASSES, "N", 0, "init: classes (1000)", 6},
	{0},
};

static error_t parse_recipe(int key, char *arg, struct argp_state *state)
{
	static const char *const schedules[] = {"one-cycle", "cosine", "steps", NULL};
	static const char *const types[] = {"f32", "bf16", NULL};
	struct mea_recipe *r = &((struct train *)state->input)->recipe;

	switch (key) {
	case OPT_EPOCHS:
		r->epochs = (int)tool_number(state, "--epochs", arg, 1, 10000);
		return 0;
	case OPT_BATCH:
		r->batch = (int)tool_number(state, "--batch", arg, 2, 4096);
		return 0;
	case OPT_SCHEDULE:
		r->schedule = (enum mea_schedule)tool_choice(state, "--schedule", arg, schedules);
		return 0;
	case OPT_RATE:
		r->rate = (float)tool_real(state, "--rate", arg, 0, 100);
		return 0;
	case OPT_MOMENTUM:
		r->momentum = (float)tool_real(state, "--momentum", arg, 0, 0.9999);
		return 0;
	case OPT_DECAY:
		r->decay = (float)tool_real(state, "--decay", arg, 0, 1);
		return 0;
	case OPT_SMOOTHING:
		r->smoothing = (float)tool_real(state, "--smoothing", arg, 0, 0.9);
		return 0;
	case OPT_AVERAGE:
		r->average = (float)tool_real(state, "--average", arg, 0, 0.999999);
		return 0;
	case OPT_SEED:
		r->seed = tool_number(state, "--seed", arg, 0, UINT64_MAX);
		return 0;
	case OPT_TYPE:
		r->bf16 = tool_choice(state, "--type", arg, types);
		return 0;
	case OPT_SHARE:
		r->share = (float)tool_real(state, "--share", arg, 0, 1);
		return 0;
	case OPT_TEMPERATURE:
		r->temperature = (float)tool_real(state, "--temperature", arg, 0.1, 100);
		return 0;
	case OPT_PAD:
		r->augment.pad = (int)tool_number(state, "--pad", arg, 0, 256);
		return 0;
	case OPT_NO_MIRROR:
		r->augment.mirror = false;
		return 0;
	case OPT_CUTOUT:
		r->augment.cutout = (int)tool_number(state, "--cutout", arg, 0, 4096);
		return 0;
	case OPT_VIEWS:
		r->views = (int)tool_number(state, "--views", arg, 0, 10000);
		return 0;
	case OPT_MIXUP:
		r->augment.mixup = (float)tool_real(state, "--mixup", arg, 0, 1);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const stages[] = {"main", "edge", "cloud", "joint", "init", NULL};
	static const char *const joins[] = {"sum", "concat", NULL};
	static const char *const choices[] = {"precision", "random", NULL};
	struct train *t = state->input;

	switch (key) {
	case OPT_NET:
		t->net = arg;
		return 0;
	case OPT_DATA:
		t->data = arg;
		return 0;
	case OPT_OUT:
		t->out = arg;
		return 0;
	case OPT_TEACHER:
		t->teacher = arg;
		return 0;
	case OPT_ANSWERS:
		t->answers = arg;
		return 0;
	case OPT_KEEP:
		t->keep = arg;
		return 0;
	case OPT_RESUME:
		t->resume = true;
		return 0;
	case OPT_EVERY:
		t->every = (int)tool_number(state, "--checkpoint-every", arg, 0, 1000000);
		return 0;
	case 'v':
		t->verbose = true;
		return 0;
	case OPT_THREADS:
		t->threads = (int)tool_number(state, "--threads", arg, 1, 1024);
		return 0;
	case OPT_BLEND:
		t->blend = (float)tool_real(state, "--blend", arg, 0, 1);
		return 0;
	case OPT_HARD:
		t->hard = (int)tool_number(state, "--hard", arg, 2, 4096);
		return 0;
	case OPT_CHOOSE:
		t->random = tool_choice(state, "--choose", arg, choices);
		return 0;
	case OPT_JOIN:
		t->concat = tool_choice(state, "--join", arg, joins);
		return 0;
	case OPT_NO_ADAPTIVE:
		t->no_adaptive = true;
		return 0;
	case OPT_QUANTIZE:
		t->quantize = true;
		return 0;
	case OPT_SIZE:
		t->size = (int)tool_number(state, "--size", arg, 8, 4095);
		return 0;
	case OPT_CLASSES:
		t->classes = (int)tool_number(state, "--classes", arg, 2, 65535);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "one stage at a time: '%s' is too much", arg);
		t->stage = (enum train_stage)tool_choice(state, "stage", arg, stages);
		return 0;
	case ARGP_KEY_END:
		if (!state->arg_num)
			argp_error(state, "which stage: main, edge, cloud, joint or init?");
		if (!t->net || !t->out || (!t->data && t->stage != STAGE_INIT))
			argp_error(state, "--net, --data and --out are needed");
		if (t->data && t->stage == STAGE_INIT)
			argp_error(state, "init takes no images: leave out --data");
		if (t->blend < 1 && !(t->stage == STAGE_MAIN || t->stage == STAGE_CLOUD))
			argp_error(state, "--blend is for main and cloud");
		if (t->blend < 1 && !train_net_is_file(t->net))
			argp_error(state, "--blend: --net names no FILE.onnx to blend with");
		if (t->recipe.views && t->recipe.augment.mixup > 0)
			argp_error(state, "--views does not go with --mixup");
		if (t->answers && !(t->recipe.views && t->teacher))
			argp_error(state, "--answers needs --teacher and --views");
		if (t->teacher && (t->keep || t->stage == STAGE_JOINT))
			argp_error(state, "--teacher: is for main, edge and cloud from the start");
		if (t->keep && t->stage != STAGE_EDGE)
			argp_error(state, "--keep is for the edge");
		if (t->quantize && t->stage == STAGE_CLOUD)
			argp_error(state, "--quantize is for main and the edge");
		return 0;
	}
	return parse_recipe(key, arg, state);
}

static void on_signal(int number)
{
	(void)number;
	train_stop = 1;
}

/* What one rank says is enough. */
static int join(struct train *t)
{
	int rc = mea_team_join(&t->team);

	if (rc || !t->team)
		return rc;
	if (t->stage == STAGE_EDGE || t->stage == STAGE_JOINT)
		return mea_team_agree(t->team,
				      mea_fail(MEA_EUNSUPPORTED,
					       "mpirun: only main and cloud are trained by several "
					       "ranks; the edge trains alone"));
	if (t->team->rank) {
		t->verbose = false;
		t->progress.off = true;
		t->progress.start = 1;
	}
	return 0;
}

/* An error that the other ranks do not know of ends this process, and mpirun ends them. */
static int finish(struct mea_team *team, int rc)
{
	bool told = team && team->failed >= 0 && team->failed != team->rank;

	if (rc < 0 && !told)
		tool_fail();
	if (rc < 0 && (!team || team->failed < 0))
		return TOOL_FAILED;
	if (mea_team_leave(team))
		return tool_fail();
	return rc ? TOOL_FAILED : TOOL_OK;
}

int tool_train(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"main|edge|cloud|joint|init",
		"Trains a network of a bundle on labelled images: main on all classes, then the "
		"edge's extension and adaptive blocks on the classes that main finds hard, main "
		"being fixed; a network for the cloud; or, to compare with, main and extension "
		"jointly. Or init, which only makes main and extension with random weights. A "
		"tenth of the training images is held "
		"out, from which hard classes, thresholds and temperatures follow. Interrupted, it "
		"writes a checkpoint, from which --resume goes on with the same result.",
		NULL,
		NULL,
		NULL};
	struct train t = {
		.recipe = {.epochs = 30,
			   .batch = 128,
			   .rate = -1,
			   .momentum = 0.9f,
			   .decay = 5e-4f,
			   .share = 0.7f,
			   .temperature = 4,
			   .augment = {.pad = 4, .mirror = true, .fill = {128, 128, 128}},
			   .seed = 1,
			   .bf16 = mea_dnnl_has_bf16()},
		.blend = 1,
		.every = 300,
		.size = 224,
		.classes = 1000,
		.progress = {.what = "training"},
	};
	int rc;

	argp_parse(&argp, argc, argv, 0, NULL, &t);
	if (t.recipe.rate < 0)
		t.recipe.rate = t.keep						  ? 0.01f
				: t.stage == STAGE_EDGE || t.stage == STAGE_JOINT ? 0.1f
										  : 0.2f;
	if (t.threads)
		omp_set_num_threads(t.threads);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	rc = join(&t);
	if (!rc)
		rc = train_stage_run(&t);
	if (rc == 1 && !mea_team_rank(t.team))
		fprintf(stderr, "%s: stopped; %s holds what was done, --resume goes on\n",
			tool_name, t.checkpoint);
	free(t.checkpoint);
	return finish(t.team, rc);
}

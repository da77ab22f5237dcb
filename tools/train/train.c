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

#define AT(f) FIELD(struct train, f)
#define NETS  "resnet32-a resnet32-b resnet18-b mobilenetv2-b resnet9"

static const struct row options[] = {
	{NULL, NULL, AT(stage), "stage", .choices = "main edge cloud joint init", .needed = true},
	{"net", "NAME|FILE.onnx", AT(net),
	 "network: resnetN-a or resnetN-b, resnet18-b, mobilenetv2-b (main, edge, init), resnet9 "
	 "or resnetN (cloud), or a file to start from (main, cloud)",
	 .words = NETS},
	{"data", "DIR", AT(data), "folder with the images"},
	{"out", "BUNDLE", AT(out), "folder of the bundle, made if missing"},
	{"resume", NULL, AT(resume), "go on from the checkpoint in BUNDLE, if there is one"},
	{"quantize", NULL, AT(quantize), "also write int8 networks (main, edge, joint)"},
	{"checkpoint-every", "S", AT(every), "seconds between checkpoints", 0, 1e6, "300"},
	{"verbose", NULL, AT(verbose), "a line for every epoch, and what was held in memory",
	 .key = 'v'},
	{"log", "FILE", AT(log_path), "a line for every epoch in FILE.csv or FILE.jsonl"},
	{"epochs", "N", AT(recipe.epochs), "passes over the images", 1, 10000, "30"},
	{"batch", "N", AT(recipe.batch), "images a step", 2, 4096, "128"},
	{"schedule", "NAME", AT(recipe.schedule), "of the learning rate", .value = "one-cycle",
	 .choices = "one-cycle cosine steps"},
	{"rate", "R", AT(recipe.rate), "the highest learning rate", 0, 100,
	 .otherwise = "0.2; edge and joint 0.1; with --keep 0.01"},
	{"momentum", "M", AT(recipe.momentum), "Nesterov's momentum", 0, 0.9999, "0.9"},
	{"decay", "D", AT(recipe.decay), "weight decay", 0, 1, "0.0005"},
	{"smoothing", "S", AT(recipe.smoothing), "share of the target that all classes get", 0, 0.9,
	 "0"},
	{"average", "D", AT(recipe.average),
	 "keep a moving average of the weights, of decay D a step (0.999, say), which is what is "
	 "measured and written; 0: none",
	 0, 0.999999, "0"},
	{"blend", "W", AT(blend),
	 "main, cloud: write W of the trained weights and 1 - W of those of --net FILE.onnx, from "
	 "which they started",
	 0, 1, "1"},
	{"seed", "S", AT(recipe.seed), "of weights, order, split and crops", .value = "1"},
	{"type", "TYPE", AT(recipe.bf16), "of the numbers that are multiplied",
	 .otherwise = "bf16 where the CPU multiplies it", .choices = "f32 bf16"},
	{"memory", "MB", AT(memory),
	 "hold at most so much, images included: takes smaller batches, then no momenta, then "
	 "fewer "
	 "layers, or refuses; 0: no limit",
	 0, 1e6, "0"},
	{"compress", "HOW", AT(compress),
	 "main, cloud: send gradients compressed: adacomp[:conv=N,fc=N,factor=F,dense=EPOCHS], "
	 "topk:RATE, auto (what is faster) or none",
	 .value = "none"},
	{"weights", "TYPE", AT(weights),
	 "edge: float, or train one copy of the matrices as int8, int16 or auto[:MAX] (8 to MAX "
	 "bits, "
	 "MAX up to 16), with momenta in bfloat16; the int8 network is written too",
	 .value = "float"},
	{"rounding", "HOW", AT(recipe.grid.nearest), "of integer weights after a step",
	 .value = "stochastic", .choices = "stochastic nearest"},
	{"threads", "N", AT(threads), "threads", 1, 1024, .otherwise = "all cores"},
	{"teacher", "FILE", AT(teacher), "learn from this network's answers as well"},
	{"share", "A", AT(recipe.share), "the teacher's share in the loss", 0, 1, "0.7"},
	{"temperature", "T", AT(recipe.temperature), "that softens both answers", 0.1, 100, "4"},
	{"answers", "FILE", AT(answers),
	 "keep the teacher's answers in FILE (made if missing): a training that is resumed, or "
	 "another one with the same teacher, images, seed and crops, does not ask again; with "
	 "--views"},
	{"pad", "N", AT(recipe.augment.pad), "images move by up to N pixels", 0, 256, "4"},
	{"no-mirror", NULL, AT(no_mirror), "no mirrored images; letters need that"},
	{"cutout", "N", AT(recipe.augment.cutout), "cover a square of N pixels", 0, 4096, "0"},
	{"mixup", "A", AT(recipe.augment.mixup),
	 "mix pairs of images, shares from Beta(A, A), A up to 1", 0, 1, "0"},
	{"views", "N", AT(recipe.views),
	 "see every image in N crops only, in turn: a teacher then answers each once, which saves "
	 "most of its time; 0: new ones in every epoch",
	 0, 10000, "0"},
	{"keep", "DIR", AT(keep),
	 "edge: the bundle's extension goes on learning, from new images in --data and as many of "
	 "these, which it knows"},
	{"hard", "N", AT(hard), "edge: how many classes are hard", 2, 4096, .otherwise = "half"},
	{"choose", "HOW", AT(random), "edge: those of least precision, or a control: at random",
	 .value = "precision", .choices = "precision random"},
	{"join", "HOW", AT(concat), "edge: how features and the adaptive block are joined",
	 .value = "sum", .choices = "sum concat"},
	{"no-adaptive", NULL, AT(no_adaptive), "edge: a control without that block"},
	{"size", "N", AT(size), "main, cloud, init: images of N x N pixels", 8, 4095,
	 .otherwise = "init 224, else 32"},
	{"classes", "N", AT(classes), "init: classes", 2, 65535, "1000"},
	{0},
};

static int check(void *args)
{
	struct train *t = args;
	int rc = train_compress_parse(t->compress, &t->recipe.compress);
	const bool grid = !rc && !(rc = train_weights_parse(t->weights, &t->recipe.grid)) &&
			  t->recipe.grid.weights != MEA_WEIGHTS_FLOAT;
	const struct {
		bool wrong;
		const char *why;
	} rules[] = {
		{!t->net || !t->out || (!t->data && t->stage != STAGE_INIT),
		 "--net, --data and --out are needed"},
		{t->data && t->stage == STAGE_INIT, "init takes no images: leave out --data"},
		{t->blend < 1 && t->stage != STAGE_MAIN && t->stage != STAGE_CLOUD,
		 "--blend is for main and cloud"},
		{t->blend < 1 && t->net && !train_net_is_file(t->net),
		 "--blend: --net names no FILE.onnx to blend with"},
		{t->recipe.views && t->recipe.augment.mixup > 0,
		 "--views does not go with --mixup"},
		{t->answers && !(t->recipe.views && t->teacher),
		 "--answers needs --teacher and --views"},
		{t->teacher && (t->keep || t->stage == STAGE_JOINT),
		 "--teacher: is for main, edge and cloud from the start"},
		{t->recipe.compress.kind != MEA_COMPRESS_NONE && t->stage != STAGE_MAIN &&
			 t->stage != STAGE_CLOUD,
		 "--compress is for main and cloud"},
		{grid && t->stage != STAGE_EDGE, "--weights is for the edge"},
		{grid && (t->recipe.average > 0 || t->memory > 0),
		 "--weights does not go with --average or --memory"},
		{t->keep && t->stage != STAGE_EDGE, "--keep is for the edge"},
		{t->quantize && t->stage == STAGE_CLOUD, "--quantize is for main and the edge"},
	};

	if (rc)
		return rc;
	if (!t->size && t->stage == STAGE_INIT)
		t->size = 224;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].wrong)
			return mea_fail(MEA_EINVAL, "%s", rules[i].why);
	return t->log_path ? train_log_check(t->log_path) : 0;
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
		t->log_path = NULL;
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

static int train(int argc, char **argv)
{
	struct train t = {
		.recipe = {.rate = -1,
			   .augment = {.fill = {128, 128, 128}},
			   .bf16 = mea_dnnl_has_bf16()},
		.progress = {.what = "training"},
	};
	int rc;

	option_parse(&tool_train, argc, argv, &t);
	t.recipe.augment.mirror = !t.no_mirror;
	t.recipe.grid.seed = t.recipe.seed;
	t.quantize = t.quantize || t.recipe.grid.weights != MEA_WEIGHTS_FLOAT;
	t.rate_given = t.recipe.rate >= 0;
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

const struct tool tool_train = {
	.name = "train",
	.summary = "train the networks of a bundle",
	.text = "Trains a network of a bundle on labelled images: main on all classes, then the "
		"edge's extension and adaptive blocks on the classes that main finds hard, main "
		"being fixed; a network for the cloud; or, to compare with, main and extension "
		"jointly. Or init, which only makes main and extension with random weights. A "
		"tenth of the training images is held out, from which hard classes, thresholds "
		"and temperatures follow. Interrupted, it writes a checkpoint, from which "
		"--resume goes on with the same result.",
	.options = options,
	.check = check,
	.main = train,
};

// SPDX-License-Identifier: Apache-2.0
/* The loop: it learns, goes on from any step bit for bit, and says what is wrong. */
#include "graph_build.h"

#include <math.h>
#include <omp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "train/dnnl.h"
#include "train/export.h"
#include "train/fit.h"
#include "train/views.h"
#include "train/nets.h"

/* Threads that wait for each other on a busy machine take minutes for what one does in seconds. */
__attribute__((constructor)) static void one_thread(void)
{
	omp_set_num_threads(1);
}

#define SIDE	16
#define CLASSES 4
#define IMAGES	64

static const float mean[3] = {0.5f, 0.5f, 0.5f}, std[3] = {0.25f, 0.25f, 0.25f};

/* Noise with a stripe whose place tells the class. */
static struct mea_set *stripes(void)
{
	struct mea_set *s = calloc(1, sizeof(*s));

	*s = (struct mea_set){.n = IMAGES, .width = SIDE, .height = SIDE, .classes = CLASSES};
	s->rgb = malloc(IMAGES * SIDE * SIDE * 3);
	s->label = malloc(IMAGES * sizeof(int));
	s->names = calloc(CLASSES, sizeof(*s->names));
	for (int i = 0; i < CLASSES; i++)
		s->names[i] = strdup("c");
	srand(7);
	for (int i = 0; i < IMAGES; i++) {
		s->label[i] = i % CLASSES;
		for (int y = 0; y < SIDE; y++)
			for (int x = 0; x < SIDE * 3; x++)
				s->rgb[(i * SIDE + y) * SIDE * 3 + x] =
					(uint8_t)(y / 4 == s->label[i] ? 200 + rand() % 50
								       : rand() % 80);
	}
	return s;
}

struct rig {
	struct mea_set *set;
	struct mea_pick all;
	struct mea_recipe recipe;
	struct mea_tmodel net, front, teacher;
	struct mea_fit fit;
	volatile sig_atomic_t stop;
	int stop_after; /* steps; 0: never */
	int steps;
	double last_loss, last_accuracy;
	char path[64];
};

static void report(const struct mea_report *r, void *ctx)
{
	struct rig *g = ctx;

	if (r->epoch_end) {
		g->last_loss = r->loss;
		g->last_accuracy = r->accuracy;
		return;
	}
	if (++g->steps == g->stop_after)
		g->stop = 1;
}

/* Fresh weights, as another process would start with. */
static void fresh_net(struct rig *r)
{
	struct mea_net_task task = {SIDE, SIDE, CLASSES, 0, false, false, 5};
	struct mea_graph *g;

	mea_tmodel_free(&r->net);
	cr_assert_eq(mea_net_main("resnet8-a", &task, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tmodel_new(g, mean, std, &r->net), 0);
	r->fit.net = &r->net;
}

static void open_rig(struct rig *r, bool bf16)
{
	*r = (struct rig){
		.set = stripes(),
		.recipe = {.epochs = 3,
			   .batch = 16,
			   .rate = 0.05f,
			   .momentum = 0.9f,
			   .decay = 5e-4f,
			   .augment = {.pad = 1, .cutout = 3, .mirror = true, .mixup = 0.2f},
			   .seed = 5,
			   .bf16 = bf16},
	};
	snprintf(r->path, sizeof(r->path), "/tmp/mea-test-%d.checkpoint", (int)getpid());
	cr_assert_eq(mea_set_all(r->set, &r->all), 0);
	r->fit = (struct mea_fit){.recipe = &r->recipe,
				  .what = "test",
				  .kept = &r->all,
				  .outputs = CLASSES,
				  .checkpoint = r->path,
				  .checkpoint_seconds = 1e9,
				  .resume = true,
				  .stop = &r->stop,
				  .report = report,
				  .ctx = r};
	unlink(r->path);
	fresh_net(r);
}

static void close_rig(struct rig *r)
{
	unlink(r->path);
	mea_tmodel_free(&r->net);
	mea_tmodel_free(&r->front);
	mea_tmodel_free(&r->teacher);
	free(r->all.index);
	mea_set_free(r->set);
}

static int run(struct rig *r)
{
	r->stop = 0;
	r->steps = 0;
	return mea_fit_run(&r->fit);
}

Test(fit, learns)
{
	struct rig r;

	open_rig(&r, false);
	r.recipe.epochs = 8;
	r.recipe.augment = (struct mea_augment){0};
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	cr_assert_gt(r.last_accuracy, 0.95, "accuracy %g, loss %g", r.last_accuracy, r.last_loss);
	close_rig(&r);
}

/* A teacher of other random weights. */
static void fresh_teacher(struct rig *r)
{
	struct mea_net_task task = {SIDE, SIDE, CLASSES, 0, false, false, 77};
	struct mea_graph *g;

	cr_assert_eq(mea_net_main("resnet8-a", &task, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tmodel_new(g, mean, std, &r->teacher), 0);
	r->fit.teacher = &r->teacher;
	r->recipe.share = 0.7f;
	r->recipe.temperature = 4;
}

/* Stopped after every step in turn and taken up by fresh weights: the same bits. With views, a
 * teacher's answers are kept, and those of the time before the stop are not: it is asked again. */
static void resume_everywhere(bool bf16, int views)
{
	struct rig r;
	float *want;
	size_t bytes;

	open_rig(&r, bf16);
	if (views) {
		r.recipe.views = views;
		r.recipe.augment.mixup = 0;
		fresh_teacher(&r);
	}
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	cr_assert_eq(r.steps, 12);
	bytes = r.net.params->elements * sizeof(float);
	want = malloc(bytes);
	memcpy(want, r.net.params->block, bytes);
	for (int at = 1; at < 12; at += 3) {
		unlink(r.path);
		fresh_net(&r);
		r.stop_after = at;
		cr_assert_eq(run(&r), 1);
		cr_assert_eq(r.steps, at);
		fresh_net(&r);
		r.stop_after = 0;
		cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
		cr_assert_eq(r.steps, 12 - at);
		cr_assert_arr_eq(r.net.params->block, want, bytes, "stopped after %d", at);
	}
	/* A training that is done stays as it is. */
	fresh_net(&r);
	cr_assert_eq(run(&r), 0);
	cr_assert_eq(r.steps, 0);
	cr_assert_arr_eq(r.net.params->block, want, bytes);
	free(want);
	close_rig(&r);
}

Test(fit, resumes_bit_for_bit)
{
	resume_everywhere(false, 0);
}

Test(fit, resumes_bit_for_bit_bf16)
{
	resume_everywhere(true, 0);
}

Test(fit, resumes_bit_for_bit_with_a_teacher_in_two_views)
{
	resume_everywhere(true, 2);
}

Test(fit, mixup_has_no_views)
{
	struct rig r;

	open_rig(&r, false);
	r.recipe.views = 2;
	cr_assert_eq(run(&r), MEA_EINVAL);
	cr_assert_str_eq(mea_errmsg(), "mixup has no limited number of views");
	close_rig(&r);
}

/* Answers come back for the view and image that they were given for, and only for these. */
Test(fit, views_keep_what_a_teacher_said)
{
	const float said[] = {1, 2, 3, 4};
	const uint32_t two[] = {4, 1}, other[] = {1, 0};
	float heard[4] = {0};
	struct mea_views *v;

	cr_assert_eq(mea_views_new(3, 5, 2, &v), 0);
	cr_assert_not(mea_views_get(v, 2, two, 2, heard));
	mea_views_put(v, 2, two, 2, said);
	cr_assert(mea_views_get(v, 2, two, 2, heard));
	cr_assert_arr_eq(heard, said, sizeof(said));
	cr_assert_not(mea_views_get(v, 1, two, 2, heard), "another view");
	cr_assert_not(mea_views_get(v, 2, other, 2, heard), "image 0 was never answered");
	cr_assert(mea_views_get(v, 2, two + 1, 1, heard));
	cr_assert_eq(heard[0], 3);
	mea_views_free(v);
}

/* --- what goes wrong ------------------------------------------------------------------ */

static void damage(const char *path, long at, bool cut)
{
	FILE *f = fopen(path, "r+b");
	int c;

	cr_assert(f);
	if (cut) {
		cr_assert_eq(ftruncate(fileno(f), at), 0);
	} else {
		fseek(f, at, SEEK_SET);
		c = fgetc(f);
		fseek(f, at, SEEK_SET);
		fputc(c ^ 0x10, f);
	}
	fclose(f);
}

Test(fit, refuses_damaged_checkpoints)
{
	struct rig r;
	struct stat st;
	float *before;
	size_t bytes;

	open_rig(&r, false);
	bytes = r.net.params->elements * sizeof(float);
	before = malloc(bytes);
	for (int i = 0; i < 6; i++) {
		unlink(r.path);
		fresh_net(&r);
		r.stop_after = 2;
		cr_assert_eq(run(&r), 1);
		cr_assert_eq(stat(r.path, &st), 0);
		damage(r.path, st.st_size * i / 6 + (i == 5 ? st.st_size / 6 - 1 : 3), i == 4);
		fresh_net(&r);
		memcpy(before, r.net.params->block, bytes);
		cr_assert_eq(run(&r), MEA_EINVAL, "damage %d", i);
		cr_assert(strstr(mea_errmsg(), r.path), "%s", mea_errmsg());
		cr_assert_arr_eq(r.net.params->block, before, bytes);
	}
	free(before);
	close_rig(&r);
}

Test(fit, refuses_another_recipe)
{
	struct rig r;

	open_rig(&r, false);
	r.stop_after = 2;
	cr_assert_eq(run(&r), 1);
	r.recipe.rate = 0.06f;
	cr_assert_eq(run(&r), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "another training"), "%s", mea_errmsg());
	close_rig(&r);
}

/* A file that cannot grow stands for a full disk. */
Test(fit, full_disk_loses_no_earlier_checkpoint)
{
	struct rlimit limit = {1000, RLIM_INFINITY};
	struct stat before, after;
	struct rig r;

	open_rig(&r, false);
	r.stop_after = 2;
	cr_assert_eq(run(&r), 1);
	cr_assert_eq(stat(r.path, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r.stop_after = 3;
	cr_assert_eq(run(&r), MEA_EIO);
	cr_assert(strstr(mea_errmsg(), r.path), "%s", mea_errmsg());
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(stat(r.path, &after), 0);
	cr_assert_eq(before.st_ino, after.st_ino);
	fresh_net(&r);
	r.stop_after = 0;
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	cr_assert_eq(r.steps, 10);
	close_rig(&r);
}

Test(fit, says_when_the_loss_is_no_number)
{
	struct rig r;

	open_rig(&r, false);
	r.net.params->list[0].data[0] = NAN;
	r.fit.resume = false;
	cr_assert_eq(run(&r), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "epoch 1, step 1: the loss is not a number"), "%s",
		  mea_errmsg());
	close_rig(&r);
}

Test(fit, refuses_what_does_not_fit)
{
	struct rig r;

	open_rig(&r, false);
	r.recipe.batch = IMAGES + 1;
	cr_assert_eq(run(&r), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "do not fill a batch"), "%s", mea_errmsg());
	r.recipe.batch = 16;
	r.fit.outputs = CLASSES + 1;
	cr_assert_eq(run(&r), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "4 outputs for 5 classes"), "%s", mea_errmsg());
	close_rig(&r);
}

/* --- an extension behind main ------------------------------------------------------------ */

/* Both networks go on from a checkpoint. */
static void resume_joint(struct rig *r)
{
	size_t bytes = r->front.params->elements * sizeof(float);
	float *done = malloc(bytes);

	memcpy(done, r->front.params->block, bytes);
	memset(r->front.params->block, 0, bytes);
	cr_assert_eq(run(r), 0, "%s", mea_errmsg());
	cr_assert_eq(r->steps, 0);
	cr_assert_arr_eq(r->front.params->block, done, bytes);
	free(done);
}

static void extension_behind_main(const char *net, bool concat, bool joint)
{
	struct mea_net_task task = {SIDE, SIDE, CLASSES, 2, concat, false, 5};
	static const int map[CLASSES] = {-1, 0, -1, 1};
	struct mea_graph *g;
	float *frozen, *logits;
	size_t bytes;
	struct rig r;

	open_rig(&r, false);
	r.recipe.augment = (struct mea_augment){0};
	r.recipe.epochs = 6;
	r.recipe.batch = 8;
	mea_tmodel_free(&r.net);
	cr_assert_eq(mea_net_main(net, &task, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tmodel_new(g, mean, std, &r.front), 0);
	cr_assert_eq(mea_net_extension(net, &task, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tmodel_new(g, mean, std, &r.net), 0);
	bytes = r.front.params->elements * sizeof(float);
	frozen = malloc(bytes);
	memcpy(frozen, r.front.params->block, bytes);
	if (!joint)
		mea_pick_keep(&r.all, map);
	r.fit.front = &r.front;
	r.fit.joint = joint;
	r.fit.map = map;
	r.fit.outputs = 2;
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	/* Jointly half of the images have no answer of the extension. */
	cr_assert_gt(r.last_accuracy, joint ? 0.45 : 0.9, "accuracy %g", r.last_accuracy);
	cr_assert_eq(memcmp(r.front.params->block, frozen, bytes) != 0, joint);
	if (joint)
		resume_joint(&r);
	/* Both of main's and the extension's answers come out. */
	logits = calloc(r.all.n, 6 * sizeof(*logits));
	cr_assert_eq(mea_predict(&r.front, &r.net, &r.all, false, logits, logits + r.all.n * 4), 0);
	for (size_t i = 0; i < r.all.n * 6; i++)
		cr_assert(isfinite(logits[i]));
	free(logits);
	free(frozen);
	close_rig(&r);
}

Test(fit, extension_a_sum)
{
	extension_behind_main("resnet8-a", false, false);
}

Test(fit, extension_a_concat)
{
	extension_behind_main("resnet8-a", true, false);
}

Test(fit, extension_b_concat)
{
	extension_behind_main("resnet8-b", true, false);
}

Test(fit, joint_a)
{
	extension_behind_main("resnet8-a", false, true);
}

Test(fit, joint_b)
{
	extension_behind_main("resnet8-b", true, true);
}

/* --- memory ------------------------------------------------------------------------------ */

static size_t bytes_of(struct mea_tmodel *m, const struct mea_tnet_options *o)
{
	struct mea_tnet *t;
	size_t bytes;

	cr_assert_eq(mea_tnet_new(m->graph, m->params, o, &t), 0, "%s", mea_errmsg());
	bytes = mea_tnet_bytes(t);
	mea_tnet_free(t);
	return bytes;
}

/* What maps and gradients take at the paper's batch of 128: a fixed main stores nothing for a
 * backward pass. */
static void edge_takes_half_of_joint(const char *net, bool concat)
{
	struct mea_net_task task = {32, 32, 100, 50, concat, false, 1};
	struct mea_tnet_options fixed = {.batch = 128}, alone = {.batch = 128, .train = true},
				front, behind;
	struct mea_tmodel main, extension;
	struct mea_graph *g;
	size_t edge, joint;

	cr_assert_eq(mea_net_main(net, &task, &g), 0);
	cr_assert_eq(mea_tmodel_new(g, mean, std, &main), 0);
	cr_assert_eq(mea_net_extension(net, &task, &g), 0);
	cr_assert_eq(mea_tmodel_new(g, mean, std, &extension), 0);
	alone.output_grad[0] = true;
	front = behind = alone;
	front.output_grad[1] = behind.input_grad[1] = true;
	edge = bytes_of(&main, &fixed) + bytes_of(&extension, &alone);
	joint = bytes_of(&main, &front) + bytes_of(&extension, &behind);
	cr_log_info("%s: edge %.1f MB, joint %.1f MB", net, (double)edge / 1e6,
		    (double)joint / 1e6);
	cr_assert(2 * edge <= joint, "%s: edge %.1f MB, joint %.1f MB, %.1f %%", net,
		  (double)edge / 1e6, (double)joint / 1e6, 100 * (double)edge / (double)joint);
	mea_tmodel_free(&main);
	mea_tmodel_free(&extension);
}

Test(memory, a)
{
	edge_takes_half_of_joint("resnet32-a", false);
}

Test(memory, b)
{
	edge_takes_half_of_joint("resnet32-b", true);
}

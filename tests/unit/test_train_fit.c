// SPDX-License-Identifier: Apache-2.0
/* The loop: it learns, goes on from any step bit for bit, and says what is wrong. */
#include "train_rig.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "train/export.h"

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

/* Stopped after every step in turn and taken up by fresh weights: the same bits. With views, a
 * teacher's answers are kept: in memory, then it is asked again after a stop, or in a file. */
static void resume_everywhere(bool bf16, int views, const char *answers, float average)
{
	struct rig r;
	float *want;
	size_t bytes;

	open_rig(&r, bf16);
	if (views) {
		r.recipe.views = views;
		r.recipe.augment.mixup = 0;
		fresh_teacher(&r);
		r.fit.answers = answers;
		r.fit.asked = "a teacher";
	}
	r.recipe.average = average;
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
	resume_everywhere(false, 0, NULL, 0);
}

Test(fit, resumes_bit_for_bit_with_averages)
{
	resume_everywhere(false, 0, NULL, 0.9f);
}

Test(fit, resumes_bit_for_bit_bf16)
{
	if (!mea_dnnl_computes_bf16())
		cr_skip_test("no AVX-512");
	resume_everywhere(true, 0, NULL, 0);
}

Test(fit, resumes_bit_for_bit_with_a_teacher_in_two_views)
{
	resume_everywhere(mea_dnnl_computes_bf16(), 2, NULL, 0);
}

Test(fit, resumes_bit_for_bit_with_answers_in_a_file)
{
	char answers[64];

	snprintf(answers, sizeof(answers), "/tmp/mea-test-%d.answers", (int)getpid());
	resume_everywhere(mea_dnnl_computes_bf16(), 2, answers, 0);
	unlink(answers);
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

/* What comes out is the average over the steps, followed here beside a run of single steps. */
Test(fit, averages)
{
	struct rig r;
	size_t n;
	float *want, *plain;

	open_rig(&r, false);
	n = r.net.params->elements;
	want = malloc(n * sizeof(*want));
	plain = malloc(n * sizeof(*plain));
	memcpy(want, r.net.params->block, n * sizeof(*want));
	for (int step = 1; step <= 12; step++) {
		float d = mea_average_decay(0.5f, step - 1);

		r.stop_after = step < 12;
		cr_assert_eq(run(&r), step < 12, "%s", mea_errmsg());
		for (size_t i = 0; i < n; i++)
			want[i] = d * want[i] + (1 - d) * r.net.params->block[i];
	}
	memcpy(plain, r.net.params->block, n * sizeof(*plain));
	cr_assert_float_eq((double)mea_average_decay(0.5f, 0), 0.1, 1e-6);
	cr_assert_float_eq((double)mea_average_decay(0.5f, 11), 0.5, 1e-6);
	unlink(r.path);
	fresh_net(&r);
	r.recipe.average = 0.5f;
	r.stop_after = 0;
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	cr_assert_eq(r.steps, 12);
	cr_assert_arr_eq(r.net.params->block, want, n * sizeof(*want));
	cr_assert(memcmp(plain, want, n * sizeof(*want)));
	free(want);
	free(plain);
	close_rig(&r);
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

/* A network that learns some classes takes from a teacher of all what it says of these: here
 * nothing else is learned from, and the labels agree. */
Test(fit, a_teacher_of_more_classes)
{
	struct mea_net_task task = {SIDE, SIDE, 2, 0, false, false, 5};
	static const int map[CLASSES] = {-1, 0, -1, 1};
	struct mea_graph *g;
	struct rig r;

	open_rig(&r, false);
	r.recipe.epochs = 8;
	r.recipe.augment = (struct mea_augment){0};
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	cr_assert_gt(r.last_accuracy, 0.95);
	r.teacher = r.net;
	r.net = (struct mea_tmodel){0};
	cr_assert_eq(mea_net_main("resnet8-a", &task, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tmodel_new(g, mean, std, &r.net), 0);
	unlink(r.path);
	r.fit.teacher = &r.teacher;
	r.fit.map = map;
	r.fit.outputs = 2;
	r.recipe.batch = 8;
	r.recipe.share = 1;
	r.recipe.temperature = 2;
	r.recipe.views = 2;
	mea_pick_keep(&r.all, map);
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	cr_assert_gt(r.last_accuracy, 0.95, "accuracy %g", r.last_accuracy);
	/* One of as many classes as are learned does not say which they are. */
	mea_tmodel_free(&r.teacher);
	cr_assert_eq(mea_net_main("resnet8-a", &task, &g), 0, "%s", mea_errmsg());
	cr_assert_eq(mea_tmodel_new(g, mean, std, &r.teacher), 0);
	unlink(r.path);
	cr_assert_eq(run(&r), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "the teacher has 2 outputs for 4 classes"), "%s",
		  mea_errmsg());
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
	cr_assert_eq(mea_predict(&r.front, &r.net, &r.all, NULL, logits, logits + r.all.n * 4), 0);
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

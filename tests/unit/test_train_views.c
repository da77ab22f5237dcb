// SPDX-License-Identifier: Apache-2.0
/* A teacher's answers, in memory and in a file: what was said comes back, for what was asked,
 * after a stop, in another training, and never for another teacher. */
#include "train_rig.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "train/views.h"

static char path[64];

static void name(void)
{
	snprintf(path, sizeof(path), "/tmp/mea-test-%d.answers", (int)getpid());
}

static void drop(void)
{
	unlink(path);
}

TestSuite(views, .init = name, .fini = drop);

static const float said[] = {1, 2, 3, 4};
static const uint32_t two[] = {4, 1}, other[] = {1, 0};

/* Answers come back for the view and image that they were given for, and only for these. */
static void keeps(struct mea_views *v)
{
	float heard[4] = {0};

	cr_assert_not(mea_views_get(v, 2, two, 2, heard));
	mea_views_put(v, 2, two, 2, said);
	cr_assert(mea_views_get(v, 2, two, 2, heard));
	cr_assert_arr_eq(heard, said, sizeof(said));
	cr_assert_not(mea_views_get(v, 1, two, 2, heard), "another view");
	cr_assert_not(mea_views_get(v, 2, other, 2, heard), "image 0 was never answered");
	cr_assert(mea_views_get(v, 2, two + 1, 1, heard));
	cr_assert_eq(heard[0], 3);
}

Test(views, in_memory)
{
	struct mea_views *v;

	cr_assert_eq(mea_views_new(3, 5, 2, &v), 0);
	keeps(v);
	mea_views_free(v);
}

Test(views, in_a_file)
{
	float heard[4] = {0};
	struct mea_views *v, *w;

	cr_assert_eq(mea_views_open(path, "me", 3, 5, 2, &v), 0, "%s", mea_errmsg());
	keeps(v);
	cr_assert_eq(mea_views_open(path, "me", 3, 5, 2, &w), 0, "while another has it open");
	cr_assert(mea_views_get(w, 2, two, 2, heard));
	cr_assert_arr_eq(heard, said, sizeof(said));
	mea_views_free(v);
	mea_views_free(w);
}

static void refused(const char *asked, int views, size_t n, int classes, const char *why)
{
	struct mea_views *v = (void *)1;

	cr_assert_eq(mea_views_open(path, asked, views, n, classes, &v), MEA_EINVAL);
	cr_assert_null(v);
	cr_assert(strstr(mea_errmsg(), why), "%s", mea_errmsg());
}

Test(views, of_another_teacher_or_shape)
{
	float heard[2];
	struct mea_views *v;

	cr_assert_eq(mea_views_open(path, "me", 3, 5, 2, &v), 0);
	mea_views_put(v, 0, two, 2, said);
	mea_views_free(v);
	refused("you", 3, 5, 2, "holds answers of another teacher");
	refused("me", 4, 5, 2, "holds answers of another teacher");
	refused("me", 3, 6, 2, "holds answers of another teacher");
	refused("me", 3, 5, 3, "holds answers of another teacher");
	cr_assert_eq(mea_views_open(path, "me", 3, 5, 2, &v), 0, "it stayed as it was");
	cr_assert(mea_views_get(v, 0, two, 1, heard));
	mea_views_free(v);
}

Test(views, a_file_that_is_none_or_cut_short)
{
	struct mea_views *v;
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	cr_assert_eq(write(fd, "a letter", 8), 8);
	close(fd);
	refused("me", 3, 5, 2, "holds no teacher's answers");
	unlink(path);
	cr_assert_eq(mea_views_open(path, "me", 3, 500, 2, &v), 0);
	mea_views_free(v);
	cr_assert_eq(truncate(path, 9000), 0);
	refused("me", 3, 500, 2, "has 9000 bytes, not ");
}

Test(views, no_room_no_folder_too_many_classes)
{
	struct rlimit small = {8192, 8192};
	struct mea_views *v;

	cr_assert_eq(mea_views_open(path, "me", 1, 1, 1024, &v), MEA_EUNSUPPORTED);
	cr_assert_eq(mea_views_open("/nowhere/answers", "me", 1, 1, 2, &v), MEA_EIO);
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	cr_assert_eq(mea_views_open(path, "me", 16, 1000, 100, &v), MEA_EIO);
	cr_assert(strstr(mea_errmsg(), path), "%s", mea_errmsg());
	cr_assert_eq(access(path, F_OK), -1, "nothing half made is left");
}

/* The second training hears the first one's teacher: its own, of other weights, is not asked,
 * since all answers are there. */
Test(views, serve_another_training)
{
	struct rig r;
	float *want;
	size_t bytes;

	open_rig(&r, mea_dnnl_computes_bf16());
	r.recipe.views = 2;
	r.recipe.augment.mixup = 0;
	fresh_teacher(&r);
	r.fit.answers = path;
	r.fit.asked = "a teacher";
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	bytes = r.net.params->elements * sizeof(float);
	want = malloc(bytes);
	memcpy(want, r.net.params->block, bytes);

	unlink(r.path);
	fresh_net(&r);
	for (size_t i = 0; i < r.teacher.params->elements; i++)
		r.teacher.params->block[i] *= 1.5f;
	cr_assert_eq(run(&r), 0, "%s", mea_errmsg());
	cr_assert_arr_eq(r.net.params->block, want, bytes);

	/* Other images are another question. */
	unlink(r.path);
	r.set->rgb[0] ^= 1;
	cr_assert_eq(run(&r), MEA_EINVAL);
	free(want);
	close_rig(&r);
}

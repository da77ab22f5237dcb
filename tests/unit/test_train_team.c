// SPDX-License-Identifier: Apache-2.0
/*
 * One training by several processes: the same as by one. The team here is made of forks and shared
 * memory, in the place of the plugin's MPI, which tests/train/mpi.sh tests.
 */
#include "train_rig.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RANKS_MAX 4
#define PIECE	  65536
#define FLOATS	  400000 /* of weights, and of gradients, at most */

/* --- ranks ------------------------------------------------------------------------------ */

struct result {
	int rc, failed, steps;
	char message[256];
	double loss;
	float weights[FLOATS], grads[FLOATS];
};

struct shared {
	pthread_barrier_t barrier;
	double piece[RANKS_MAX][PIECE];
	struct result result[RANKS_MAX];
};

static struct shared *shared;

static int fork_sum(struct mea_team *t, size_t n, double *x)
{
	for (size_t at = 0; at < n; at += PIECE) {
		size_t m = n - at < PIECE ? n - at : PIECE;

		memcpy(shared->piece[t->rank], x + at, m * sizeof(*x));
		pthread_barrier_wait(&shared->barrier);
		for (size_t i = 0; i < m; i++)
			for (int r = 0; r < t->ranks; r++)
				x[at + i] = (r ? x[at + i] : 0) + shared->piece[r][i];
		pthread_barrier_wait(&shared->barrier);
	}
	return 0;
}

/* As MPI adds: in float32. */
static int fork_sum_f32(struct mea_team *t, size_t n, float *x)
{
	float *piece = (float *)shared->piece[t->rank];

	for (size_t at = 0; at < n; at += PIECE) {
		size_t m = n - at < PIECE ? n - at : PIECE;

		memcpy(piece, x + at, m * sizeof(*x));
		pthread_barrier_wait(&shared->barrier);
		for (size_t i = 0; i < m; i++)
			for (int r = 0; r < t->ranks; r++)
				x[at + i] = (r ? x[at + i] : 0) + ((float *)shared->piece[r])[i];
		pthread_barrier_wait(&shared->barrier);
	}
	return 0;
}

static int fork_share(struct mea_team *t, size_t bytes, void *data)
{
	for (size_t at = 0; at < bytes; at += PIECE) {
		size_t m = bytes - at < PIECE ? bytes - at : PIECE;

		if (!t->rank)
			memcpy(shared->piece[0], (char *)data + at, m);
		pthread_barrier_wait(&shared->barrier);
		memcpy((char *)data + at, shared->piece[0], m);
		pthread_barrier_wait(&shared->barrier);
	}
	return 0;
}

static int fork_gather(struct mea_team *t, const size_t *bytes, const void *mine, void *all)
{
	char *to = all;

	cr_assert(bytes[t->rank] <= sizeof(shared->piece[0]));
	memcpy(shared->piece[t->rank], mine, bytes[t->rank]);
	pthread_barrier_wait(&shared->barrier);
	for (int r = 0; r < t->ranks; to += bytes[r++])
		memcpy(to, shared->piece[r], bytes[r]);
	pthread_barrier_wait(&shared->barrier);
	return 0;
}

static const struct mea_team_ops fork_ops = {fork_sum, fork_sum_f32, fork_share, fork_gather, NULL};

typedef void (*change)(struct rig *r, int rank);

/* Of the process that the ranks are of; and images are drawn by rand(). */
static pid_t run_id;
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static void one_rank(int rank, int ranks, change f)
{
	struct mea_team team = {.ops = &fork_ops, .rank = rank, .ranks = ranks, .failed = -1};
	struct result *out = &shared->result[rank];
	const struct mea_params *p;
	struct rig r;

	pthread_mutex_lock(&opening);
	open_rig(&r, false);
	pthread_mutex_unlock(&opening);
	snprintf(r.path, sizeof(r.path), "/tmp/mea-test-%d.checkpoint", (int)run_id);
	r.fit.team = ranks > 1 ? &team : NULL;
	if (f)
		f(&r, rank);
	out->rc = run(&r);
	snprintf(out->message, sizeof(out->message), "%s", mea_errmsg());
	out->failed = team.failed;
	out->loss = r.last_loss;
	out->steps = r.steps;
	p = r.net.params;
	cr_assert(p->elements <= FLOATS);
	memcpy(out->weights, p->block, p->elements * sizeof(float));
	if (p->grads)
		memcpy(out->grads, p->grads, p->elements * sizeof(float));
	r.path[0] = 0; /* the checkpoint stays */
	close_rig(&r);
}

static void open_shared(int ranks)
{
	pthread_barrierattr_t attr;

	run_id = getpid();
	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(shared != MAP_FAILED);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&shared->barrier, &attr, (unsigned int)ranks);
}

/* Trains on so many ranks, each changed by f; results are in shared. */
static void train_on(int ranks, change f)
{
	open_shared(ranks);
	for (int i = 0; i < ranks; i++)
		if (!fork()) {
			one_rank(i, ranks, f);
			_exit(0);
		}
	for (int i = 0; i < ranks; i++) {
		int status;

		cr_assert(wait(&status) > 0 && WIFEXITED(status) && !WEXITSTATUS(status));
	}
	pthread_barrier_destroy(&shared->barrier);
}

struct thread {
	pthread_t id;
	int rank, ranks;
	change f;
};

static void *as_thread(void *arg)
{
	const struct thread *t = arg;

	omp_set_num_threads(1);
	one_rank(t->rank, t->ranks, t->f);
	return NULL;
}

/* The same in this one process. */
static void simulate_on(int ranks, change f)
{
	struct thread t[RANKS_MAX];

	open_shared(ranks);
	for (int i = 0; i < ranks; i++) {
		t[i] = (struct thread){.rank = i, .ranks = ranks, .f = f};
		cr_assert_eq(pthread_create(&t[i].id, NULL, as_thread, &t[i]), 0);
	}
	for (int i = 0; i < ranks; i++)
		cr_assert_eq(pthread_join(t[i].id, NULL), 0);
	pthread_barrier_destroy(&shared->barrier);
}

static void checkpoint_path(char path[64])
{
	snprintf(path, 64, "/tmp/mea-test-%d.checkpoint", (int)getpid());
}

static void forget_checkpoint(void)
{
	char path[64];

	checkpoint_path(path);
	unlink(path);
}

/* --- the same as alone ------------------------------------------------------------------- */

/* One step of all images. */
static void one_step(struct rig *r, int rank)
{
	(void)rank;
	r->recipe.epochs = 1;
	r->recipe.batch = IMAGES;
	r->fit.checkpoint = NULL;
}

/*
 * Gradients of a step on 2 and 4 ranks against those of one: rounding of float32 sums, measured as
 * 3e-6 of a tensor's largest gradient. A batch norm with a rank's own statistics is 7e-2 off.
 */
Test(team, gradients, .timeout = 300)
{
	static struct result alone;
	struct rig r;

	open_rig(&r, false);
	train_on(1, one_step);
	alone = shared->result[0];
	cr_assert_eq(alone.rc, 0, "%s", alone.message);
	for (int ranks = 2; ranks <= 4; ranks *= 2) {
		train_on(ranks, one_step);
		for (int i = 0; i < r.net.params->n; i++) {
			const struct mea_param *p = &r.net.params->list[i];
			size_t at = (size_t)(p->data - r.net.params->block);
			double largest = 0, worst = 0;

			for (size_t j = at; j < at + p->n && !p->running; j++) {
				double have = shared->result[0].grads[j], want = alone.grads[j];

				largest = fmax(largest, fabs(want));
				worst = fmax(worst, fabs(have - want));
			}
			cr_assert(p->running || (largest > 0 && worst <= 1e-5 * largest),
				  "%d ranks, %s: %g of %g", ranks, p->name, worst, largest);
		}
		cr_assert_float_eq(shared->result[0].loss, alone.loss, 1e-6 * alone.loss);
	}
	close_rig(&r);
}

/* Averages and mixed images, with a rate at which rounding does not grow. */
static void slowly(struct rig *r, int rank)
{
	(void)rank;
	r->recipe.rate = 0.0005f;
	r->recipe.average = 0.5f;
}

/* All ranks end with the same bits, and with the weights of one rank within rounding. */
static void same_weights(change f)
{
	static struct result alone;

	forget_checkpoint();
	train_on(1, f);
	alone = shared->result[0];
	for (int ranks = 2; ranks <= 4; ranks *= 2) {
		double worst = 0, largest = 0;

		forget_checkpoint();
		train_on(ranks, f);
		for (int i = 0; i < ranks; i++) {
			cr_assert_eq(shared->result[i].rc, 0, "%s", shared->result[i].message);
			cr_assert_arr_eq(shared->result[i].weights, shared->result[0].weights,
					 sizeof(alone.weights), "rank %d differs", i);
		}
		cr_assert_eq(shared->result[0].steps, 12);
		cr_assert_eq(shared->result[1].steps, 0, "only rank 0 reports");
		for (size_t j = 0; j < FLOATS; j++) {
			double have = shared->result[0].weights[j], want = alone.weights[j];

			worst = fmax(worst, fabs(have - want));
			largest = fmax(largest, fabs(want));
		}
		cr_assert(worst <= 1e-5 * largest, "%d ranks: %g of %g", ranks, worst, largest);
		cr_log_info("%d ranks: %g of %g", ranks, worst, largest);
	}
	forget_checkpoint();
}

Test(team, weights, .timeout = 300)
{
	same_weights(slowly);
}

/* The third epoch has the first one's crops, whose answers are kept, for other slices. */
static void taught(struct rig *r, int rank)
{
	slowly(r, rank);
	r->recipe.views = 2;
	r->recipe.augment.mixup = 0;
	fresh_teacher(r);
}

Test(team, a_teacher_in_two_views, .timeout = 300)
{
	same_weights(taught);
}

/* --- compressed gradients ------------------------------------------------------------------- */

static void compressed(struct rig *r, int rank)
{
	(void)rank;
	r->recipe.compress = (struct mea_compress_options){
		.kind = MEA_COMPRESS_ADACOMP, .conv = 50, .fc = 500, .factor = 2};
}

static void no_checkpoint(struct rig *r, int rank)
{
	compressed(r, rank);
	r->fit.checkpoint = NULL;
}

/* Ranks have the same bits as each other, and as one process that simulates them. */
Test(team, compressed_weights, .timeout = 300)
{
	static struct result first;

	for (int ranks = 2; ranks <= 4; ranks *= 2) {
		train_on(ranks, no_checkpoint);
		first = shared->result[0];
		cr_assert_eq(first.rc, 0, "%s", first.message);
		for (int i = 0; i < ranks; i++)
			cr_assert_arr_eq(shared->result[i].weights, first.weights,
					 sizeof(first.weights), "rank %d differs", i);
		simulate_on(ranks, no_checkpoint);
		for (int i = 0; i < ranks; i++) {
			cr_assert_eq(shared->result[i].rc, 0, "%s", shared->result[i].message);
			cr_assert_arr_eq(shared->result[i].weights, first.weights,
					 sizeof(first.weights), "simulated rank %d differs", i);
		}
	}
}

/* Stops rank 0 after 5 of 12 steps. */
static void compressed_half(struct rig *r, int rank)
{
	compressed(r, rank);
	r->stop_after = 5;
}

/* Each rank goes on with its own residues. */
Test(team, compressed_and_resumed, .timeout = 300)
{
	static struct result whole;

	forget_checkpoint();
	train_on(2, no_checkpoint);
	whole = shared->result[0];
	train_on(2, compressed_half);
	cr_assert_eq(shared->result[0].rc, 1, "%s", shared->result[0].message);
	cr_assert_eq(shared->result[0].steps, 5);
	train_on(2, compressed);
	cr_assert_eq(shared->result[0].rc, 0, "%s", shared->result[0].message);
	cr_assert_eq(shared->result[0].steps, 7);
	for (int i = 0; i < 2; i++)
		cr_assert_arr_eq(shared->result[i].weights, whole.weights, sizeof(whole.weights),
				 "rank %d differs", i);
	/* Residues are of so many ranks. */
	train_on(4, compressed);
	cr_assert_eq(shared->result[0].rc, MEA_EINVAL);
	cr_assert(strstr(shared->result[0].message, "is of another training"), "%s",
		  shared->result[0].message);
	forget_checkpoint();
}

/* --- stops and failures -------------------------------------------------------------------- */

static void stop_on_rank_1(struct rig *r, int rank)
{
	/* Rank 1 reports nothing, so that it is asked before its first step. */
	r->fit.report = rank ? NULL : r->fit.report;
	r->recipe.rate = 0.002f;
	if (rank == 1) {
		static volatile sig_atomic_t now = 1;

		r->fit.stop = &now;
	}
}

static void same_rate(struct rig *r, int rank)
{
	(void)rank;
	r->recipe.rate = 0.002f;
}

Test(team, a_stop_on_one_stops_all, .timeout = 300)
{
	static struct result whole;
	struct stat st;
	char path[64];

	checkpoint_path(path);
	forget_checkpoint();
	train_on(2, same_rate);
	whole = shared->result[0];
	forget_checkpoint();
	train_on(2, stop_on_rank_1);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(shared->result[i].rc, 1, "%d", shared->result[i].rc);
	cr_assert_eq(shared->result[0].steps, 1);
	cr_assert_eq(stat(path, &st), 0);
	/* Taken up on as many ranks it gives the same bits. */
	train_on(2, same_rate);
	cr_assert_eq(shared->result[0].rc, 0, "%s", shared->result[0].message);
	cr_assert_eq(shared->result[0].steps, 11);
	cr_assert_arr_eq(shared->result[0].weights, whole.weights, sizeof(whole.weights));
	forget_checkpoint();
}

static void uneven(struct rig *r, int rank)
{
	(void)rank;
	r->recipe.batch = 16;
}

Test(team, refuses_uneven_slices, .timeout = 300)
{
	train_on(3, uneven);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(shared->result[i].rc, i ? MEA_EIO : MEA_EINVAL);
	cr_assert(strstr(shared->result[0].message,
			 "a batch of 16 cannot be shared evenly by 3 ranks"),
		  "%s", shared->result[0].message);
}

static void other_rate(struct rig *r, int rank)
{
	r->recipe.rate = rank ? 0.1f : 0.2f;
	r->fit.checkpoint = NULL;
}

Test(team, refuses_another_training, .timeout = 300)
{
	train_on(2, other_rate);
	cr_assert_eq(shared->result[1].rc, MEA_EINVAL);
	cr_assert(strstr(shared->result[1].message, "rank 0 has another training"), "%s",
		  shared->result[1].message);
	cr_assert_eq(shared->result[0].rc, MEA_EIO);
	cr_assert_eq(shared->result[0].failed, 1);
}

static void no_disk(struct rig *r, int rank)
{
	stop_on_rank_1(r, rank);
	snprintf(r->path, sizeof(r->path), "/proc/none/checkpoint");
}

Test(team, all_hear_of_a_full_disk, .timeout = 300)
{
	train_on(2, no_disk);
	cr_assert_eq(shared->result[0].rc, MEA_EIO);
	cr_assert(strstr(shared->result[0].message, "/proc/none"), "%s", shared->result[0].message);
	cr_assert_eq(shared->result[1].rc, MEA_EIO);
	cr_assert(strstr(shared->result[1].message, "rank 0 of 2 failed"), "%s",
		  shared->result[1].message);
}

static void not_a_number(struct rig *r, int rank)
{
	r->fit.checkpoint = NULL;
	if (!rank)
		r->net.params->list[0].data[0] = NAN;
}

Test(team, one_tells_of_a_loss_that_is_no_number, .timeout = 300)
{
	train_on(2, not_a_number);
	cr_assert_eq(shared->result[0].rc, MEA_EINVAL);
	cr_assert(strstr(shared->result[0].message, "the loss is not a number"));
	cr_assert_eq(shared->result[1].rc, MEA_EIO);
	cr_assert_eq(shared->result[1].failed, 0);
}

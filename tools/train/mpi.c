// SPDX-License-Identifier: Apache-2.0
/*
 * mea_team by MPI, as a plugin: `mea` needs no MPI to start. Sums go to rank 0 and from there to
 * all, so that every rank has the same bits, which an all-reduce need not give. Nothing blocks
 * inside MPI: requests are polled, against a limit of MEA_MPI_TIMEOUT seconds (600), because a
 * rank that hangs would else keep all others.
 */
#include "train/team.h"

#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIMIT	  600	  /* seconds */
#define END_LIMIT 86400	  /* for rank 0, which finishes the bundle while the others wait */
#define PIECE	  1048576 /* elements a request: pieces of a long sum overlap */
#define SPINS	  2000	  /* polls before a rank sleeps between them */

static struct mea_team team;
static int limit = LIMIT;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int broken(struct mea_team *t, int code)
{
	char text[MPI_MAX_ERROR_STRING] = "";
	int n;

	MPI_Error_string(code, text, &n);
	snprintf(t->error, sizeof(t->error), "MPI: %s", text);
	return -1;
}

static int wait_for(struct mea_team *t, MPI_Request *request, int seconds)
{
	const struct timespec nap = {0, 50000};
	double end = now() + seconds;

	for (int i = 0;; i++) {
		int done, rc = MPI_Test(request, &done, MPI_STATUS_IGNORE);

		if (rc)
			return broken(t, rc);
		if (done)
			return 0;
		if (now() > end) {
			snprintf(t->error, sizeof(t->error),
				 "the other ranks did not come within %d s", seconds);
			return -1;
		}
		/* Ranks may share a core with the one they wait for. */
		if (i < SPINS)
			sched_yield();
		else
			nanosleep(&nap, NULL);
	}
}

static int mpi_share(struct mea_team *t, size_t bytes, void *data)
{
	for (size_t at = 0; at < bytes; at += PIECE) {
		size_t n = bytes - at < PIECE ? bytes - at : PIECE;
		MPI_Request request;
		int rc;

		t->sent += t->rank ? 0 : (double)n;
		rc = MPI_Ibcast((char *)data + at, (int)n, MPI_BYTE, 0, MPI_COMM_WORLD, &request);

		if (rc)
			return broken(t, rc);
		if (wait_for(t, &request, limit))
			return -1;
	}
	return 0;
}

static int add(struct mea_team *t, size_t n, void *x, MPI_Datatype type, size_t size)
{
	for (size_t at = 0; at < n; at += PIECE) {
		int count = (int)(n - at < PIECE ? n - at : PIECE), rc;
		void *p = (char *)x + at * size;
		MPI_Request request;

		t->sent += t->rank ? (double)((size_t)count * size) : 0;
		rc = MPI_Ireduce(t->rank ? p : MPI_IN_PLACE, p, count, type, MPI_SUM, 0,
				 MPI_COMM_WORLD, &request);
		if (rc)
			return broken(t, rc);
		if (wait_for(t, &request, limit))
			return -1;
	}
	return mpi_share(t, n * size, x);
}

/* Packets differ in length: each rank sends its own to all. */
static int mpi_gather(struct mea_team *t, const size_t *bytes, const void *mine, void *all)
{
	int counts[t->ranks], at[t->ranks], rc;
	MPI_Request request;
	size_t sum = 0;

	for (int i = 0; i < t->ranks; i++) {
		at[i] = (int)sum;
		counts[i] = (int)bytes[i];
		sum += bytes[i];
	}
	if (sum > INT32_MAX) {
		snprintf(t->error, sizeof(t->error), "%zu bytes are too many for MPI", sum);
		return -1;
	}
	rc = MPI_Iallgatherv(mine, counts[t->rank], MPI_BYTE, all, counts, at, MPI_BYTE,
			     MPI_COMM_WORLD, &request);
	t->sent += (double)bytes[t->rank];
	if (rc)
		return broken(t, rc);
	return wait_for(t, &request, limit);
}

static int mpi_sum(struct mea_team *t, size_t n, double *x)
{
	return add(t, n, x, MPI_DOUBLE, sizeof(*x));
}

static int mpi_sum_f32(struct mea_team *t, size_t n, float *x)
{
	return add(t, n, x, MPI_FLOAT, sizeof(*x));
}

/* MPI's own start and end wait for the other ranks without a limit. */
static void late(int number)
{
	static const char text[] = "mea: MPI: the other ranks did not come\n";

	(void)number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

static int mpi_leave(struct mea_team *t)
{
	MPI_Request request;
	int rc = MPI_Ibarrier(MPI_COMM_WORLD, &request);

	if (rc)
		return broken(t, rc);
	if (wait_for(t, &request, END_LIMIT))
		return -1;
	signal(SIGALRM, late);
	alarm((unsigned int)limit);
	MPI_Finalize();
	alarm(0);
	return 0;
}

static struct mea_team *mpi_open(char *error, size_t size)
{
	static const struct mea_team_ops ops = {mpi_sum, mpi_sum_f32, mpi_share, mpi_gather,
						mpi_leave};
	const char *seconds = getenv("MEA_MPI_TIMEOUT");
	int have;

	if (seconds)
		limit = atoi(seconds);
	if (limit < 1) {
		snprintf(error, size, "MEA_MPI_TIMEOUT: '%s' is no number of seconds", seconds);
		return NULL;
	}
	signal(SIGALRM, late);
	alarm((unsigned int)limit);
	if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &have) || have < MPI_THREAD_FUNNELED) {
		snprintf(error, size, "cannot start");
		return NULL;
	}
	alarm(0);
	MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
	team = (struct mea_team){.ops = &ops, .failed = -1};
	MPI_Comm_rank(MPI_COMM_WORLD, &team.rank);
	MPI_Comm_size(MPI_COMM_WORLD, &team.ranks);
	return &team;
}

__attribute__((visibility("default")))
const struct mea_team_plugin mea_team_plugin = {MEA_TEAM_VERSION, mpi_open};

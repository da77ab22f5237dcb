/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes that train one network together, each on its slice of every batch. They do the
 * same steps in the same order, so that each call below meets its like on all ranks; every wait
 * has a limit. Without a team (NULL) the calls do nothing and succeed.
 *
 * MPI is behind it, in a plugin that only mpirun makes mea open: mpi.c.
 */
#ifndef MEA_TRAIN_TEAM_H
#define MEA_TRAIN_TEAM_H

#include <stdbool.h>
#include <stddef.h>

struct mea_team;

/* What a plugin does; each returns 0, or -1 with a sentence in t->error. */
struct mea_team_ops {
	int (*sum)(struct mea_team *t, size_t n, double *x);
	int (*sum_f32)(struct mea_team *t, size_t n, float *x);
	int (*share)(struct mea_team *t, size_t bytes, void *data);
	int (*gather)(struct mea_team *t, const size_t *bytes, const void *mine, void *all);
	/* Waits for all ranks and ends. */
	int (*leave)(struct mea_team *t);
};

struct mea_team {
	const struct mea_team_ops *ops;
	int rank, ranks; /* 0 .. ranks - 1 */
	double sent;	 /* bytes that this rank handed over to be sent, each once */
	int failed;	 /* the rank whose failure mea_team_agree() has told of; -1: none */
	char error[256];
};

/* Symbol mea_team_plugin of the plugin. open: NULL, with a sentence in error, when it fails. */
#define MEA_TEAM_VERSION 2
struct mea_team_plugin {
	int version;
	struct mea_team *(*open)(char *error, size_t size);
};

/* *out: the team of the mpirun that started this process, NULL when none did or it is alone. */
int mea_team_join(struct mea_team **out);

/* x becomes its sum over the ranks, with the same bits on all of them. */
int mea_team_sum(struct mea_team *t, size_t n, double *x);
int mea_team_sum_f32(struct mea_team *t, size_t n, float *x);

/*
 * all becomes the ranks' data, one behind the other by rank: bytes[] (one a rank) of each, of which
 * this one brings `own` at mine. Fails on all ranks when they take more than room bytes. Without a
 * team it is a copy.
 */
int mea_team_gather(struct mea_team *t, size_t own, const void *mine, size_t *bytes, void *all,
		    size_t room);

/* Whether all ranks reach each other without a network: they share a kernel and its network
 * namespace. True without a team. */
int mea_team_local(struct mea_team *t, bool *local);

/* data becomes what it is on rank 0. */
int mea_team_share(struct mea_team *t, size_t bytes, void *data);

/*
 * Whether all ranks did well: 0 when no rank's rc is negative. Else t->failed is the first that
 * is; it returns its rc, its message unchanged, and the others fail with a message that names it.
 */
int mea_team_agree(struct mea_team *t, int rc);

/* Part of the team's work that falls to this rank: n of whole, from first on. Parts differ by one
 * at most; without a team it is all. */
void mea_team_part(const struct mea_team *t, size_t whole, size_t *first, size_t *n);

static inline int mea_team_rank(const struct mea_team *t)
{
	return t ? t->rank : 0;
}

static inline int mea_team_ranks(const struct mea_team *t)
{
	return t ? t->ranks : 1;
}

/* Ends the team when all ranks are here; after an error that only this rank knows of it must not
 * be called: the process ends instead, and mpirun ends the others. t is gone. */
int mea_team_leave(struct mea_team *t);

#endif

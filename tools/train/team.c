// SPDX-License-Identifier: Apache-2.0
#include "train/team.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

/* The search path of the program's file leads to where it was built or installed. */
#define PLUGIN "libmea_mpi.so"

int mea_team_join(struct mea_team **out)
{
	const char *size = getenv("OMPI_COMM_WORLD_SIZE");
	const struct mea_team_plugin *plugin;
	char error[256];
	void *object;

	*out = NULL;
	if (!size || atoi(size) < 2)
		return 0;
	/* Its own plugins look for its symbols among the program's. */
	object = dlopen(PLUGIN, RTLD_NOW | RTLD_GLOBAL);
	if (!object)
		return mea_fail(MEA_EUNSUPPORTED,
				"started by mpirun with %s ranks, but the MPI plugin is missing; "
				"`make mpi` builds it: %s",
				size, dlerror());
	plugin = dlsym(object, "mea_team_plugin");
	if (!plugin || plugin->version != MEA_TEAM_VERSION) {
		dlclose(object);
		return mea_fail(MEA_EUNSUPPORTED, PLUGIN ": of another version, rebuild it");
	}
	/* It stays until the process ends, as MPI does. */
	*out = plugin->open(error, sizeof(error));
	return *out ? 0 : mea_fail(MEA_EIO, "MPI: %s", error);
}

static int done(const struct mea_team *t, int rc)
{
	return rc ? mea_fail(MEA_ETIMEDOUT, "rank %d of %d: %s", t->rank, t->ranks, t->error) : 0;
}

int mea_team_sum(struct mea_team *t, size_t n, double *x)
{
	return t ? done(t, t->ops->sum(t, n, x)) : 0;
}

int mea_team_sum_f32(struct mea_team *t, size_t n, float *x)
{
	return t ? done(t, t->ops->sum_f32(t, n, x)) : 0;
}

int mea_team_share(struct mea_team *t, size_t bytes, void *data)
{
	return t ? done(t, t->ops->share(t, bytes, data)) : 0;
}

int mea_team_gather(struct mea_team *t, size_t own, const void *mine, size_t *bytes, void *all,
		    size_t room)
{
	double *sizes;
	int rc;

	bytes[0] = own;
	if (!t && own > room)
		return mea_fail(MEA_EINVAL, "%zu bytes for a room of %zu", own, room);
	if (!t) {
		memcpy(all, mine, own);
		return 0;
	}
	sizes = calloc((size_t)t->ranks, sizeof(*sizes));
	if (!sizes)
		return mea_nomem();
	sizes[t->rank] = (double)own;
	rc = mea_team_sum(t, (size_t)t->ranks, sizes);
	for (int i = 0; i < t->ranks && !rc; i++) {
		bytes[i] = sizes[i] >= 0 && sizes[i] <= (double)room ? (size_t)sizes[i] : room + 1;
		if (bytes[i] > room)
			rc = mea_fail(MEA_EINVAL,
				      "rank %d sends more than the %zu bytes there is room for", i,
				      room);
		else
			room -= bytes[i];
	}
	free(sizes);
	return rc ? rc : done(t, t->ops->gather(t, bytes, mine, all));
}

int mea_team_local(struct mea_team *t, bool *local)
{
	char mine[64] = "", first[64];
	FILE *f = t ? fopen("/proc/sys/kernel/random/boot_id", "r") : NULL;
	double others;
	struct stat st;
	int rc;

	if (f && !fgets(mine, 40, f))
		mine[0] = 0;
	if (f)
		fclose(f);
	if (!stat("/proc/self/ns/net", &st))
		snprintf(mine + strlen(mine), 24, " %llu", (unsigned long long)st.st_ino);
	memcpy(first, mine, sizeof(first));
	rc = mea_team_share(t, sizeof(first), first);
	others = strcmp(first, mine) != 0;
	if (!rc)
		rc = mea_team_sum(t, 1, &others);
	*local = others == 0;
	return rc;
}

int mea_team_agree(struct mea_team *t, int rc)
{
	double *bad;
	int sum;

	if (!t)
		return rc;
	bad = calloc((size_t)t->ranks, sizeof(*bad));
	if (!bad)
		return mea_nomem();
	bad[t->rank] = rc < 0;
	/* Not mea_team_sum(): the message of rc must stay. */
	sum = t->ops->sum(t, (size_t)t->ranks, bad);
	for (int i = t->ranks - 1; i >= 0 && !sum; i--)
		t->failed = bad[i] > 0 ? i : t->failed;
	free(bad);
	if (sum)
		return rc < 0 ? rc : done(t, sum);
	if (t->failed < 0 || t->failed == t->rank)
		return rc;
	return mea_fail(MEA_EIO, "rank %d of %d failed", t->failed, t->ranks);
}

void mea_team_part(const struct mea_team *t, size_t whole, size_t *first, size_t *n)
{
	size_t ranks = (size_t)mea_team_ranks(t), rank = (size_t)mea_team_rank(t);

	*first = whole * rank / ranks;
	*n = whole * (rank + 1) / ranks - *first;
}

int mea_team_leave(struct mea_team *t)
{
	return t ? done(t, t->ops->leave(t)) : 0;
}

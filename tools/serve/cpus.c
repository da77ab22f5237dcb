// SPDX-License-Identifier: Apache-2.0
#include "serve/cpus.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX (1 << 16)

/* Processors of the affinity; 0: unknown. */
static int affinity(void)
{
	/* The kernel refuses a set that is smaller than its own. */
	for (int n = CPU_SETSIZE; n <= CPUS_MAX; n *= 2) {
		cpu_set_t *set = CPU_ALLOC(n);
		size_t size = CPU_ALLOC_SIZE(n);
		int rc = set ? sched_getaffinity(0, size, set) : -1;
		int count = rc ? 0 : CPU_COUNT_S(size, set);

		CPU_FREE(set);
		if (!rc || errno != EINVAL)
			return count;
	}
	return 0;
}

/* A file's two numbers, in one line or the second in another file; false: no limit there. */
static bool read_limit(const char *dir, const char *first, const char *second, double *cpus)
{
	double quota = 0, period = 0;
	char path[PATH_MAX + 64];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, first);
	f = fopen(path, "r");
	if (f) {
		/* "max", or -1 in version 1, is no limit. */
		n = fscanf(f, second ? "%lf" : "%lf %lf", &quota, &period);
		fclose(f);
	}
	if (n == 1 && second) {
		snprintf(path, sizeof(path), "%s/%s", dir, second);
		f = fopen(path, "r");
		n += f && fscanf(f, "%lf", &period) == 1;
		if (f)
			fclose(f);
	}
	if (n != 2 || quota <= 0 || period <= 0)
		return false;
	*cpus = quota / period;
	return true;
}

/* Lowers *least to the limits of the group `path` below base and of all groups around it. */
static void walk(const char *base, char *path, bool v1, double *least)
{
	for (;;) {
		char dir[PATH_MAX], *slash;
		double cpus;

		snprintf(dir, sizeof(dir), "%s%s", base, path);
		if (v1 ? read_limit(dir, "cpu.cfs_quota_us", "cpu.cfs_period_us", &cpus)
		       : read_limit(dir, "cpu.max", NULL, &cpus))
			*least = *least > 0 && *least < cpus ? *least : cpus;
		slash = strrchr(path, '/');
		if (!slash)
			return;
		*slash = 0;
	}
}

int mea_cpus_quota(const char *membership, const char *root)
{
	char line[PATH_MAX], base[PATH_MAX];
	double least = 0;
	FILE *f = fopen(membership, "r");

	/* "ID:CONTROLLERS:PATH"; version 2 has no controllers there. */
	while (f && fgets(line, sizeof(line), f)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = 0;
		names++;
		path[strcspn(path, "\n")] = 0;
		if (!*names)
			walk(root, path, false, &least);
		else if (!strcmp(names, "cpu") || !strncmp(names, "cpu,", 4) ||
			 strstr(names, ",cpu")) {
			snprintf(base, sizeof(base), "%s/cpu", root);
			walk(base, path, true, &least);
		}
	}
	if (f)
		fclose(f);
	return (int)least + ((double)(int)least < least);
}

int mea_cpus(void)
{
	int n = affinity(), quota = mea_cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup");

	if (n < 1)
		n = 1;
	return quota && quota < n ? quota : n;
}

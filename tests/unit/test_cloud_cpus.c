// SPDX-License-Identifier: Apache-2.0
/* What control groups leave of the machine's processors. */
#include <criterion/criterion.h>

#include "serve/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/mea-cpus-XXXXXX";

static void put(const char *path, const char *text)
{
	char name[300];
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s", root, path);
	f = fopen(name, "w");
	cr_assert_not_null(f, "%s", name);
	fputs(text, f);
	fclose(f);
}

static void folder(const char *path)
{
	char name[300];

	snprintf(name, sizeof(name), "%s/%s", root, path);
	cr_assert_eq(mkdir(name, 0700), 0);
}

static int quota(const char *membership)
{
	char name[300];

	put("self", membership);
	snprintf(name, sizeof(name), "%s/self", root);
	return mea_cpus_quota(name, root);
}

static void clean(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_assert_eq(system(command), 0);
}

Test(cpus, limits_of_control_groups)
{
	cr_assert_not_null(mkdtemp(root));
	folder("a");
	folder("a/b");
	put("a/b/cpu.max", "max 100000\n");
	cr_expect_eq(quota("0::/a/b\n"), 0);
	put("a/b/cpu.max", "150000 100000\n");
	cr_expect_eq(quota("0::/a/b\n"), 2, "one and a half are two threads");
	put("a/cpu.max", "100000 100000\n");
	cr_expect_eq(quota("0::/a/b\n"), 1, "the group around it");
	cr_expect_eq(quota("0::/elsewhere\n"), 0);
	cr_expect_eq(quota("0::/\n"), 0);
	cr_expect_eq(quota("rubbish"), 0);
	cr_expect_eq(mea_cpus_quota("/none", root), 0);
	/* Version 1. */
	folder("cpu");
	folder("cpu/x");
	put("cpu/x/cpu.cfs_period_us", "100000\n");
	put("cpu/x/cpu.cfs_quota_us", "-1\n");
	cr_expect_eq(quota("4:cpu,cpuacct:/x\n"), 0);
	put("cpu/x/cpu.cfs_quota_us", "300000\n");
	cr_expect_eq(quota("4:cpu,cpuacct:/x\n3:cpuset:/a\n"), 3);
	clean();
}

Test(cpus, affinity)
{
	cpu_set_t all, one;
	int first = 0;

	cr_assert_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	cr_expect_geq(mea_cpus(), 1);
	cr_expect_leq(mea_cpus(), CPU_COUNT(&all));
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	cr_expect_eq(mea_cpus(), 1);
}

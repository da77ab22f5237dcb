// SPDX-License-Identifier: Apache-2.0
/* How long a job takes from before its submission until its fence is seen signalled. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/client.h"

#define RUNS 301

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int by_value(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return (d > 0) - (d < 0);
}

static int measure(const char *what, struct copy *c)
{
	static double us[RUNS];

	for (int i = 0; i < RUNS; i++) {
		double start = now_us();
		int fd = c->cmd.fd;

		if (job_submit(fd, &c->job) || sync_wait(fd, c->job.s.out_sync, WAIT_MS) ||
		    sync_status(fd, c->job.s.out_sync) != 1) {
			fprintf(stderr, "%s failed\n", what);
			return 1;
		}
		us[i] = now_us() - start;
	}
	qsort(us, RUNS, sizeof(us[0]), by_value);
	printf("%s: median %.3f us, 10 %% under %.3f, 10 %% over %.3f, longest %.3f (%d jobs)\n",
	       what, us[RUNS / 2], us[RUNS / 10], us[RUNS - RUNS / 10], us[RUNS - 1], RUNS);
	return 0;
}

int main(void)
{
	int fd = client_open(0), bad;
	struct copy c;

	if (fd < 0 || copy_make(fd, &c, PAGE, 0)) {
		fprintf(stderr, "no device\n");
		return 1;
	}
	bad = measure("copy of a page", &c);
	c.job.s.cmd_count = 0;
	bad |= measure("empty job", &c);
	copy_drop(&c);
	close(fd);
	return bad;
}

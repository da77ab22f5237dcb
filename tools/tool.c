// SPDX-License-Identifier: Apache-2.0
#include "tool.h"

#include "mea.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

char tool_name[32] = "mea";
/* libc looks for it by name. */
__attribute__((visibility("default"))) const char *argp_program_version = "mea " MEA_VERSION;

int tool_fail(void)
{
	fprintf(stderr, "%s: %s\n", tool_name, mea_errmsg());
	return TOOL_FAILED;
}

uint64_t tool_number(struct argp_state *state, const char *option, const char *arg, uint64_t min,
		     uint64_t max)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(arg, &end, 10);
	/* strtoull() takes "-1" and " 1"; nobody means them here. */
	if (errno || *end || *arg < '0' || *arg > '9' || v < min || v > max)
		argp_error(state, "%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64,
			   option, arg, min, max);
	return v;
}

double tool_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void progress_step(size_t done, size_t total, struct progress *p)
{
	double t;

	if (p->off)
		return;
	t = tool_now();
	if (p->start == 0) {
		p->off = !isatty(STDERR_FILENO);
		p->start = t;
	}
	if (t - p->start < 2 || t - p->last < 0.1)
		return;
	p->last = t;
	p->shown = true;
	fprintf(stderr, "\r%s: %zu of %zu, %.0f/s, %.0f s left \033[K", p->what, done, total,
		(double)done / (t - p->start),
		(double)(total - done) * (t - p->start) / (double)(done ? done : 1));
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

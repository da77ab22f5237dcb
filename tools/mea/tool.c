// SPDX-License-Identifier: Apache-2.0
#include "tool.h"

#include "mea.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
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

void tool_three(struct argp_state *state, const char *option, const char *arg, bool positive,
		float out[3])
{
	char *end = (char *)arg;

	for (int i = 0; i < 3; i++) {
		const char *start = end;

		out[i] = strtof(start, &end);
		if (end == start || !isfinite(out[i]) || (positive && out[i] <= 0) ||
		    *end != (i < 2 ? ',' : 0))
			argp_error(state, "%s: '%s' is not three %snumbers like 0.5,0.5,0.5",
				   option, arg, positive ? "positive " : "");
		end++;
	}
}

double tool_real(struct argp_state *state, const char *option, const char *arg, double min,
		 double max)
{
	char *end;
	double v = strtod(arg, &end);
	bool good = end != arg && !*end && isfinite(v) && v >= min && v <= max;

	if (!good && isinf(max))
		argp_error(state, "%s: '%s' is not a number of at least %g", option, arg, min);
	else if (!good)
		argp_error(state, "%s: '%s' is not a number from %g to %g", option, arg, min, max);
	return v;
}

int tool_choice(struct argp_state *state, const char *option, const char *arg,
		const char *const *names)
{
	char all[256] = "";

	for (int i = 0; names[i]; i++) {
		size_t n = strlen(all);

		if (!strcmp(arg, names[i]))
			return i;
		snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "", names[i]);
	}
	argp_error(state, "%s: '%s' is none of %s", option, arg, all);
	return 0;
}

void tool_only(struct argp_state *state, const char **to, const char *arg, const char *what)
{
	if (*to)
		argp_error(state, "one %s at a time: '%s' is too much", what, arg);
	*to = arg;
}

double tool_now(void)
{
	return mea_now_ms() * 1e-3;
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

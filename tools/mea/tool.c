// SPDX-License-Identifier: Apache-2.0
#include "tool.h"

#include "base/clock.h"

#include <signal.h>
#include <unistd.h>

char tool_name[32] = "mea";
/* libc looks for it by name. */
__attribute__((visibility("default"))) const char *argp_program_version = "mea " MEA_VERSION;

int tool_fail(void)
{
	fprintf(stderr, "%s: %s\n", tool_name, mea_errmsg());
	return TOOL_FAILED;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

void tool_catch_interrupt(void)
{
	struct sigaction a = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND | SA_RESTART};

	sigaction(SIGINT, &a, NULL);
}

bool tool_interrupted(void)
{
	return interrupted;
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

// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

#define LIMIT_MS   180000
#define SKIPPED	   77
#define REASON_MAX 200

static struct check_test *tests, **last = &tests;
static bool failed;  /* the test that this process runs */
static char *reason; /* why it was skipped; shared with the parent */

void check_add(struct check_test *test)
{
	*last = test;
	last = &test->next;
}

static void vnote(const char *format, va_list ap)
{
	printf("# ");
	vprintf(format, ap);
	putchar('\n');
}

void check_note(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vnote(format, ap);
	va_end(ap);
}

void check_skip(const char *why)
{
	snprintf(reason, REASON_MAX, "%s", why);
	fflush(stdout);
	_exit(SKIPPED);
}

void check_fail(void)
{
	fflush(stdout);
	_exit(1);
}

bool check_that(bool good, const char *file, int line, const char *text, const char *format, ...)
{
	va_list ap;

	if (good)
		return true;
	failed = true;
	check_note("%s:%d: not true: %s", file, line, text);
	va_start(ap, format);
	if (format[1])
		vnote(format, ap);
	va_end(ap);
	return false;
}

bool check_equal(long long got, long long want, const char *file, int line, const char *text,
		 const char *format, ...)
{
	va_list ap;

	if (got == want)
		return true;
	failed = true;
	check_note("%s:%d: %s is %lld, not %lld", file, line, text, got, want);
	va_start(ap, format);
	if (format[1])
		vnote(format, ap);
	va_end(ap);
	return false;
}

static void run_child(const struct check_test *t)
{
	setpgid(0, 0);
	if (check_start)
		check_start();
	t->run();
	if (check_stop)
		check_stop();
	fflush(stdout);
	_exit(failed);
}

/* Status of the child as waitpid() gives it; -1 when it ran over the limit. */
static int wait_child(pid_t pid)
{
	long long end = now_ms() + LIMIT_MS;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ms() > end) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		usleep(1000);
	}
	/* What it started and forgot. */
	kill(-pid, SIGKILL);
	return status;
}

static bool wanted(const struct check_test *t, char **names)
{
	bool any = *names;

	for (; *names; names++)
		if (!strcmp(*names, t->name))
			return true;
	return !any;
}

int main(int argc, char **argv)
{
	int n = 0, bad = 0, status;

	(void)argc;
	reason = mmap(NULL, REASON_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (reason == MAP_FAILED)
		return 1;
	for (const struct check_test *t = tests; t; t = t->next) {
		long long start = now_ms();
		pid_t pid;

		if (!wanted(t, argv + 1))
			continue;
		fflush(stdout);
		pid = fork();
		if (pid == 0)
			run_child(t);
		status = wait_child(pid);
		if (check_clean)
			check_clean();
		n++;
		if (status == 0) {
			printf("ok %d - %s (%lld ms)\n", n, t->name, now_ms() - start);
		} else if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
			printf("ok %d - %s # SKIP %s\n", n, t->name, reason);
		} else {
			bad++;
			if (status == -1)
				printf("# over the limit of %d s\n", LIMIT_MS / 1000);
			else if (WIFSIGNALED(status))
				printf("# killed by signal %d\n", WTERMSIG(status));
			printf("not ok %d - %s (%lld ms)\n", n, t->name, now_ms() - start);
		}
	}
	printf("1..%d\n", n);
	return bad != 0;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * The OpenCL backend against oneDNN (int8, float) and, where there is a Python with
 * it, ONNX Runtime: the same layers, in turns of a few runs each, so that what else
 * the machine does hits all alike. Prints medians, the 10th to 90th percentile, minima.
 *
 *   cpu [SECONDS [NAME]]   per row, 4; rows with NAME in their name alone
 *   cpu first              opens the backend, runs ResNet32 once and ends
 */
#include "cpu_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "meanet/model.h"

#define CONTENDERS 4
#define SAMPLES	   20000
#define BUNDLE	   "models/cifar100-resnet32-a"

double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}

static int fail(const char *what)
{
	fprintf(stderr, "bench-cpu: %s: %s\n", what, mea_errmsg());
	return 1;
}

/* --- one row ------------------------------------------------------------------------ */

struct samples {
	double us[SAMPLES];
	int n;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double at(const struct samples *s, double p)
{
	return s->us[(int)(p * (s->n - 1))];
}

static int take_turns(struct contender *c, struct samples *s, double seconds)
{
	double end = now_us() + seconds * 1e6, warm[3];
	int rc = 0;

	for (int i = 0; i < CONTENDERS && !rc; i++) {
		s[i].n = 0;
		if (c[i].ctx)
			rc = c[i].run(c[i].ctx, 3, warm);
	}
	do {
		for (int i = 0; i < CONTENDERS && !rc; i++) {
			/* Two milliseconds a turn, so that caches are warm in most runs. */
			double start = now_us();
			int times = 1;

			while (c[i].ctx && !rc && s[i].n + times <= SAMPLES &&
			       now_us() - start < 2000) {
				rc = c[i].run(c[i].ctx, times, s[i].us + s[i].n);
				s[i].n += times;
				times = 4;
			}
		}
	} while (now_us() < end && !rc);
	for (int i = 0; i < CONTENDERS; i++)
		qsort(s[i].us, (size_t)s[i].n, sizeof(double), by_value);
	return rc;
}

static void print_row(const struct work *w, int threads, int batch, const struct contender *c,
		      const struct samples *s)
{
	printf("%-34s %d thread%s batch %2d\n", w->name, threads, threads > 1 ? "s" : " ", batch);
	for (int i = 0; i < CONTENDERS; i++) {
		if (!c[i].ctx)
			continue;
		printf("    %-13s %9.1f us  (%9.1f .. %9.1f)  least %9.1f", c[i].name,
		       at(&s[i], 0.5), at(&s[i], 0.1), at(&s[i], 0.9), s[i].us[0]);
		if (i)
			printf("   mea / this: %.2f, least %.2f", at(&s[0], 0.5) / at(&s[i], 0.5),
			       s[0].us[0] / s[i].us[0]);
		printf("\n");
	}
	fflush(stdout);
}

static int race(const struct work *w, int threads, int batch, double seconds)
{
	static struct samples s[CONTENDERS];
	struct contender c[CONTENDERS] = {{0}};
	/* The Python process first: it is forked, which OpenCL does not survive. */
	int rc = ort_open(w, threads, batch, &c[3]);

	if (!rc)
		rc = ours_open(w, threads, batch, &c[0]);
	if (!rc)
		rc = onednn_open(w, threads, batch, true, &c[1]);
	if (!rc)
		rc = onednn_open(w, threads, batch, false, &c[2]);
	if (!rc)
		rc = take_turns(c, s, seconds);
	if (rc)
		fail(w->name);
	else
		print_row(w, threads, batch, c, s);
	for (int i = 0; i < CONTENDERS; i++)
		if (c[i].ctx)
			c[i].close(c[i].ctx);
	return rc;
}

/* --- start, and a busy machine ----------------------------------------------------------- */

static int first_result(void)
{
	struct contender c = {0};
	struct mea_model *m;
	struct work w = {.name = "first", .n_nets = 1};
	double us;
	int rc = mea_model_load(BUNDLE, &m);

	if (!rc) {
		w.nets[0] = m->main;
		rc = ours_open(&w, (int)sysconf(_SC_NPROCESSORS_ONLN), 1, &c);
	}
	if (!rc)
		rc = c.run(c.ctx, 1, &us);
	if (rc)
		return fail("first");
	/* Told before the backend closes, which keeps the kernel for the next time. */
	if (write(3, "", 1) == 1)
		close(3);
	c.close(c.ctx);
	mea_model_free(m);
	return 0;
}

/* Milliseconds of all CPUs that ended children took. */
static double children_ms(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-3;
}

/* Milliseconds from the start of a process to its first result; *cpu: of CPU time until
 * its end, which keeps the kernel for the next time when that was compiled. */
static double time_to_first(double *cpu)
{
	double start = now_us(), ms = -1, before = children_ms();
	int up[2], status;
	char byte;
	pid_t pid;

	if (pipe(up))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(up[1], 3);
		execl("/proc/self/exe", "cpu", "first", (char *)NULL);
		_exit(127);
	}
	close(up[1]);
	if (read(up[0], &byte, 1) == 1)
		ms = (now_us() - start) * 1e-3;
	close(up[0]);
	waitpid(pid, &status, 0);
	*cpu = children_ms() - before;
	return status ? -1 : ms;
}

static void print_first(void)
{
	char folder[] = "/tmp/mea-bench-XXXXXX", command[64];
	double warm = 1e9, cold_cpu, warm_cpu = 0, cold;

	if (!mkdtemp(folder))
		return;
	setenv("XDG_CACHE_HOME", folder, 1);
	cold = time_to_first(&cold_cpu);
	for (int i = 0; i < 9; i++) {
		double cpu, ms = time_to_first(&cpu);

		if (ms < warm) {
			warm = ms;
			warm_cpu = cpu;
		}
	}
	printf("first result with a cold cache %.0f ms (%.0f ms of CPU time with keeping the "
	       "kernel), with a warm one %.0f ms (%.0f; least of 9)\n",
	       cold, cold_cpu, warm, warm_cpu);
	unsetenv("XDG_CACHE_HOME");
	snprintf(command, sizeof(command), "rm -r %s", folder);
	if (system(command))
		printf("(%s is left)\n", folder);
}

static pid_t spin(void)
{
	pid_t pid = fork();

	if (!pid) {
		alarm(60);
		for (volatile long i = 0;; i++)
			;
	}
	return pid;
}

static int busy(const struct work *w, double seconds)
{
	static struct samples s[2][CONTENDERS];
	struct contender c[CONTENDERS] = {{0}};
	int rc = 0;

	/* Children before OpenCL and oneDNN start their threads. */
	for (int k = 0; k < 2 && !rc; k++) {
		pid_t pid = k ? spin() : 0;

		rc = ours_open(w, 2, 1, &c[0]);
		if (!rc)
			rc = onednn_open(w, 2, 1, true, &c[1]);
		if (!rc)
			rc = take_turns(c, s[k], seconds);
		for (int i = 0; i < 2; i++)
			if (c[i].ctx)
				c[i].close(c[i].ctx);
		if (pid > 0) {
			kill(pid, 9);
			waitpid(pid, NULL, 0);
		}
	}
	if (rc)
		return fail("busy");
	printf("%s, 2 threads, one more process spinning:\n", w->name);
	for (int i = 0; i < 2; i++)
		printf("    %-13s %9.1f us -> %9.1f us, slowdown %.2f (90th percentile %.2f)\n",
		       c[i].name, at(&s[0][i], 0.5), at(&s[1][i], 0.5),
		       at(&s[1][i], 0.5) / at(&s[0][i], 0.5),
		       at(&s[1][i], 0.9) / at(&s[0][i], 0.9));
	return 0;
}

/* --- all --------------------------------------------------------------------------------- */

static void print_machine(void)
{
	char line[256] = "unknown\n";
	FILE *f = fopen("/proc/loadavg", "r");

	if (f && !fgets(line, sizeof(line), f))
		strcpy(line, "unknown\n");
	if (f)
		fclose(f);
	printf("%ld CPUs, load %s", sysconf(_SC_NPROCESSORS_ONLN), line);
}

int main(int argc, char **argv)
{
	static const int configs[][2] = {{1, 1}, {2, 1}, {1, 32}, {2, 32}};
	const char *name = argc > 2 ? argv[2] : "";
	double seconds = argc > 1 && atof(argv[1]) > 0 ? atof(argv[1]) : 4;
	struct mea_model *m;
	int rc = 0;

	if (argc > 1 && !strcmp(argv[1], "first"))
		return first_result();
	/* OpenMP's threads spin by default, which would slow down whoever comes next. */
	if (!getenv("OMP_WAIT_POLICY")) {
		setenv("OMP_WAIT_POLICY", "passive", 1);
		execv("/proc/self/exe", argv);
	}
	if (mea_model_load(BUNDLE, &m))
		return fail(BUNDLE);
	print_machine();
	if (!*name)
		print_first();
	struct work works[] = {
		{"ResNet32 convolutions (30)", {conv_set()}, 1, {NULL}},
		{"ResNet32 A, main", {m->main}, 1, {BUNDLE "/main.int8.onnx"}},
		{"ResNet32 A, main + extension",
		 {m->main, m->extension},
		 2,
		 {BUNDLE "/main.int8.onnx", BUNDLE "/extension.int8.onnx"}},
		{"MobileNetV2 blocks (4)", {mobilenet_set()}, 1, {NULL}},
		{"1x1 32 -> 192 at 28x28", {one_conv(32, 192, 28, 1, 1)}, 1, {NULL}},
		{"1x1 960 -> 160 at 7x7", {one_conv(960, 160, 7, 1, 1)}, 1, {NULL}},
		{"depthwise 3x3 192 at 28x28", {one_conv(192, 192, 28, 3, 192)}, 1, {NULL}},
		{"depthwise 3x3 960 at 7x7", {one_conv(960, 960, 7, 3, 960)}, 1, {NULL}},
		{"1x1 16 -> 16 at 1x1: a launch", {one_conv(16, 16, 1, 1, 1)}, 1, {NULL}},
	};
	for (size_t k = 0; k < 4 && !rc; k++)
		for (size_t i = 0; i < sizeof(works) / sizeof(works[0]) && !rc; i++)
			if (strstr(works[i].name, name))
				rc = race(&works[i], configs[k][0], configs[k][1], seconds);
	if (!rc && !*name)
		rc = busy(&works[1], seconds);
	print_machine();
	return rc != 0;
}

// SPDX-License-Identifier: Apache-2.0
/* ONNX Runtime through tests/bench/cpu_ort.py, which takes turns with us over pipes. */
#include "cpu_bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

struct ort {
	pid_t pid;
	FILE *to, *from;
};

static int ort_run(void *ctx, int times, double *us)
{
	struct ort *o = ctx;

	fprintf(o->to, "%d\n", times);
	fflush(o->to);
	for (int t = 0; t < times; t++)
		if (fscanf(o->from, "%lf", &us[t]) != 1)
			return mea_fail(MEA_EDEVICE, "ONNX Runtime's process ended");
	return 0;
}

static void ort_close(void *ctx)
{
	struct ort *o = ctx;

	fclose(o->to);
	fclose(o->from);
	waitpid(o->pid, NULL, 0);
	free(o);
}

int ort_open(const struct work *w, int threads, int batch, struct contender *c)
{
	const char *python = getenv("BENCH_PYTHON");
	int down[2], up[2];
	struct ort *o;
	char n[2][16];

	*c = (struct contender){.name = "ONNX Runtime"};
	if (!python || !*python || !w->onnx[0])
		return 0;
	snprintf(n[0], sizeof(n[0]), "%d", threads);
	snprintf(n[1], sizeof(n[1]), "%d", batch);
	signal(SIGPIPE, SIG_IGN);
	if (pipe(down) || pipe(up))
		return mea_fail(MEA_EIO, "no pipe");
	o = calloc(1, sizeof(*o));
	o->pid = fork();
	if (!o->pid) {
		dup2(down[0], 0);
		dup2(up[1], 1);
		close(down[1]);
		close(up[0]);
		execl(python, python, "tests/bench/cpu_ort.py", n[0], n[1], w->onnx[0], w->onnx[1],
		      (char *)NULL);
		_exit(127);
	}
	close(down[0]);
	close(up[1]);
	o->to = fdopen(down[1], "w");
	o->from = fdopen(up[0], "r");
	*c = (struct contender){"ONNX Runtime", o, ort_run, ort_close};
	return 0;
}

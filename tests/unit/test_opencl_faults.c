// SPDX-License-Identifier: Apache-2.0
/*
 * What can go wrong with OpenCL: no driver, no device, no memory, a compiler that
 * fails, a device that computes wrong or is lost, caches that are broken, fork().
 * Calls of the driver are replaced one at a time; Criterion gives each test a process
 * of its own, so each starts the driver anew.
 */
#include <criterion/criterion.h>

#include "../rtl/lib/random_net.h"
#include "backend/opencl/opencl.h"
#include "backend/opencl/trial.h"
#include "base/error.h"
#include "base/note.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mea_cl_api api;
static const struct mea_cl_api *real;
static struct mea_backend *backend;
static char notes[4096], folder[64];

static void keep_note(const char *text, void *ctx)
{
	(void)ctx;
	snprintf(notes + strlen(notes), sizeof(notes) - strlen(notes), "%s\n", text);
}

/* A cache of its own for mea; pocl's stays, since compiling takes seconds. */
static void set_up(void)
{
	char path[4096];

	if (!getenv("POCL_CACHE_DIR") && realpath("build", path)) {
		strcat(path, "/test-pocl");
		setenv("POCL_CACHE_DIR", path, 1);
	}
	strcpy(folder, "/tmp/mea-test-XXXXXX");
	cr_assert(mkdtemp(folder));
	setenv("XDG_CACHE_HOME", folder, 1);
	mea_note_to(keep_note, NULL);
	if (mea_cl_load())
		return;
	real = mea_cl;
	api = *real;
	mea_cl = &api;
}

static void tear_down(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_expect_eq(system(command), 0);
}

TestSuite(opencl_faults, .init = set_up, .fini = tear_down, .timeout = 120);

/* Opens the backend; skips the test where there is no device. */
static void open_here(void)
{
	int rc = mea_backend_opencl.open("", &backend);

	if (rc == MEA_ENODEV)
		cr_skip_test("%s", mea_errmsg());
	cr_assert_eq(rc, 0, "%s", mea_errmsg());
}

/* Skips the test where there is no device, without starting one. */
static void need_device(void)
{
	struct mea_cl_wish any = {.name = ""};
	struct mea_cl_device d;

	if (mea_cl_device_open(&any, &d))
		cr_skip_test("%s", mea_errmsg());
	mea_cl_device_close(&d);
}

static void fails(int code, const char *text)
{
	cr_expect_eq(mea_backend_opencl.open("", &backend), code, "%s", mea_errmsg());
	cr_expect(strstr(mea_errmsg(), text), "%s", mea_errmsg());
	cr_expect_null(backend);
}

/* --- the trial in a child process ------------------------------------------------------ */

static int trial_of(void *ctx)
{
	const char *how = ctx;

	mea_note("a note");
	printf("unwritten");
	if (!strcmp(how, "aborts")) {
		fprintf(stderr, "first line\nLLVM ERROR: \x1b[31mbroken\n");
		abort();
	}
	if (!strcmp(how, "exits"))
		exit(1);
	if (!strcmp(how, "hangs"))
		pause();
	if (!strcmp(how, "fails"))
		return mea_fail(MEA_ENODEV, "no device\nin two lines");
	return 0;
}

static void trial(const char *how, int code, const char *message)
{
	notes[0] = 0;
	cr_expect_eq(mea_cl_trial(trial_of, (void *)(uintptr_t)how, 500), code, "%s: %s", how,
		     mea_errmsg());
	if (code)
		cr_expect_str_eq(mea_errmsg(), message, "%s: %s", how, mea_errmsg());
	cr_expect_str_eq(notes, "a note\n", "%s: %s", how, notes);
}

/* Whatever the driver does to the child, this process goes on and writes what it wrote once. */
Test(opencl_faults, a_driver_that_ends_the_process_ends_a_child)
{
	char text[100];
	FILE *out;

	snprintf(text, sizeof(text), "%s/out", folder);
	out = freopen(text, "w", stdout);
	cr_assert(out);
	printf("once");
	trial("starts", 0, "");
	trial("fails", MEA_ENODEV, "no device\\nin two lines");
	trial("aborts", MEA_EDEVICE, "the driver died (Aborted): LLVM ERROR: \\x1b[31mbroken");
	trial("exits", MEA_EDEVICE, "the driver ended the process: unwritten");
	trial("hangs", MEA_ETIMEDOUT, "the driver did not start within 500 ms");
	signal(SIGCHLD, SIG_IGN);
	trial("starts", 0, "");
	signal(SIGCHLD, SIG_DFL);
	fflush(stdout);
	out = fopen(text, "r");
	cr_assert(out && fgets(text, sizeof(text), out));
	cr_expect_str_eq(text, "once");
	fclose(out);
}

/* --- opening ------------------------------------------------------------------------- */

static cl_int no_platform(cl_uint n, cl_platform_id *ids, cl_uint *found)
{
	(void)n;
	(void)ids;
	*found = 0;
	return -1001;
}

Test(opencl_faults, no_driver)
{
	if (!real)
		cr_skip_test("no OpenCL loader");
	api.clGetPlatformIDs = no_platform;
	fails(MEA_ENODEV, "opencl: no OpenCL driver is installed (CL_PLATFORM_NOT_FOUND)");
}

static cl_int no_device(cl_platform_id p, cl_device_type type, cl_uint n, cl_device_id *ids,
			cl_uint *found)
{
	(void)p;
	(void)type;
	(void)n;
	(void)ids;
	*found = 0;
	return CL_DEVICE_NOT_FOUND;
}

Test(opencl_faults, no_device)
{
	need_device();
	api.clGetDeviceIDs = no_device;
	fails(MEA_ENODEV, "no OpenCL driver here has a CPU device");
}

static cl_int tiny(cl_device_id id, cl_device_info what, size_t size, void *to, size_t *got)
{
	cl_int err = real->clGetDeviceInfo(id, what, size, to, got);

	if (what == CL_DEVICE_MAX_MEM_ALLOC_SIZE)
		*(cl_ulong *)to = 10000;
	return err;
}

static cl_mem no_buffer(cl_context c, cl_mem_flags flags, size_t size, void *host, cl_int *err)
{
	if (size < 10000)
		return real->clCreateBuffer(c, flags, size, host, err);
	*err = CL_MEM_OBJECT_ALLOCATION_FAILURE;
	return NULL;
}

Test(opencl_faults, too_little_memory)
{
	need_device();
	api.clGetDeviceInfo = tiny;
	fails(MEA_ENOMEM, "are more than a buffer of it holds");
	api.clGetDeviceInfo = real->clGetDeviceInfo;
	api.clCreateBuffer = no_buffer;
	fails(MEA_ENOMEM, "clCreateBuffer: CL_MEM_OBJECT_ALLOCATION_FAILURE");
}

/* --- building -------------------------------------------------------------------------- */

static const char *replaced, *replacement;

/* The sources with one word replaced by another of its length. */
static cl_program changed(cl_context c, cl_uint n, const char **texts, const size_t *sizes,
			  cl_int *err)
{
	char *copy[16];
	cl_program p;

	for (cl_uint i = 0; i < n; i++) {
		copy[i] = strdup(texts[i]);
		for (char *at = copy[i]; (at = strstr(at, replaced)); at++)
			memcpy(at, replacement, strlen(replacement));
	}
	p = real->clCreateProgramWithSource(c, n, (const char **)copy, sizes, err);
	for (cl_uint i = 0; i < n; i++)
		free(copy[i]);
	return p;
}

Test(opencl_faults, a_kernel_that_does_not_compile)
{
	need_device();
	api.clCreateProgramWithSource = changed;
	replaced = "long rne_shift(long v";
	replacement = "long no_such__(long v";
	fails(MEA_EDEVICE, "does not compile the kernel: ");
	cr_expect(strstr(mea_errmsg(), "rne_shift"), "the build log is kept: %s", mea_errmsg());
}

Test(opencl_faults, a_variant_that_computes_wrong_is_not_used)
{
	enum mea_cl_variant best = mea_cl_variant_below(MEA_CL_AMX);

	need_device();
	if (best == MEA_CL_PLAIN)
		cr_skip_test("this CPU has one variant");
	api.clCreateProgramWithSource = changed;
	replaced = best == MEA_CL_AMX ? "tdpbusd %%" : "vpdpbusd";
	replacement = best == MEA_CL_AMX ? "tdpbssd %%" : "vpdpwssd";
	open_here();
	cr_expect_lt(((struct mea_opencl *)backend)->d.variant, best);
	cr_expect(strstr(notes, "the self-test's results are wrong"), "%s", notes);
	backend->ops->close(backend);
}

/* --- running ------------------------------------------------------------------------------ */

struct run {
	struct mea_qnet *net;
	struct mea_exec *e;
	struct mea_buf *in[4], *out[4];
	struct mea_job *job;
};

static void start(struct run *r)
{
	memset(r, 0, sizeof(*r));
	random_seed(5);
	r->net = random_net(false);
	cr_assert_eq(backend->ops->prepare(backend, r->net, &r->e), 0, "%s", mea_errmsg());
	for (int i = 0; i < r->net->n_inputs; i++)
		cr_assert_eq(backend->ops->buf_alloc(r->e, true, i, &r->in[i]), 0);
	for (int i = 0; i < r->net->n_outputs; i++)
		cr_assert_eq(backend->ops->buf_alloc(r->e, false, i, &r->out[i]), 0);
	cr_assert_eq(backend->ops->submit(r->e, r->in, r->out, &r->job), 0, "%s", mea_errmsg());
}

static void stop(struct run *r)
{
	for (int i = 0; i < 4; i++) {
		backend->ops->buf_free(r->in[i]);
		backend->ops->buf_free(r->out[i]);
	}
	backend->ops->release(r->e);
	mea_qnet_free(r->net);
}

static cl_int planted;
static void (*held)(cl_event, cl_int, void *);
static void *held_arg;

static void CL_CALLBACK tell_lost(cl_event event, cl_int status, void *arg)
{
	(void)status;
	(void)arg;
	held(event, planted, held_arg);
}

/* The job ends in `planted`; 1: the driver never tells. */
static cl_int lose(cl_event e, cl_int when, void(CL_CALLBACK *fn)(cl_event, cl_int, void *),
		   void *arg)
{
	held = fn;
	held_arg = arg;
	return planted == 1 ? CL_SUCCESS : real->clSetEventCallback(e, when, tell_lost, NULL);
}

Test(opencl_faults, the_device_is_lost_in_a_job)
{
	struct run r;

	open_here();
	api.clSetEventCallback = lose;
	planted = CL_DEVICE_NOT_AVAILABLE;
	start(&r);
	cr_expect_eq(backend->ops->wait(r.job, -1, NULL), MEA_ENODEV);
	cr_expect(strstr(mea_errmsg(), "ended in CL_DEVICE_NOT_AVAILABLE"), "%s", mea_errmsg());
	stop(&r);
	planted = CL_OUT_OF_RESOURCES;
	start(&r);
	cr_expect_eq(backend->ops->wait(r.job, -1, NULL), MEA_EDEVICE);
	stop(&r);
	backend->ops->close(backend);
}

Test(opencl_faults, a_job_that_does_not_end_in_time)
{
	struct run r;

	open_here();
	api.clSetEventCallback = lose;
	planted = 1;
	start(&r);
	cr_expect_eq(backend->ops->wait(r.job, 50, NULL), MEA_ETIMEDOUT);
	cr_expect(strstr(mea_errmsg(), "no answer in 50 ms"), "%s", mea_errmsg());
	real->clFinish(((struct mea_opencl *)backend)->d.queue);
	held(NULL, CL_COMPLETE, held_arg);
	cr_expect_eq(backend->ops->wait(r.job, 50, NULL), 0, "late is not lost");
	stop(&r);
	backend->ops->close(backend);
}

Test(opencl_faults, a_forked_child_gets_an_error)
{
	struct mea_job *job;
	struct run r;
	pid_t pid;
	int status;

	open_here();
	start(&r);
	cr_assert_eq(backend->ops->wait(r.job, -1, NULL), 0);
	pid = fork();
	if (!pid) {
		int bad = 0;

		alarm(20);
		bad |= backend->ops->submit(r.e, r.in, r.out, &job) != MEA_ENODEV;
		bad |= !strstr(mea_errmsg(), "before this process was forked");
		stop(&r);
		backend->ops->close(backend);
		bad |= mea_backend_opencl.open("", &backend) != MEA_ENODEV;
		_exit(bad);
	}
	waitpid(pid, &status, 0);
	cr_expect_eq(status, 0);
	cr_assert_eq(backend->ops->submit(r.e, r.in, r.out, &job), 0, "the parent goes on");
	cr_expect_eq(backend->ops->wait(job, -1, NULL), 0);
	stop(&r);
	backend->ops->close(backend);
}

/* --- caches ------------------------------------------------------------------------------- */

static bool cached(void)
{
	bool yes;

	open_here();
	yes = ((struct mea_opencl *)backend)->d.cached;
	backend->ops->close(backend);
	return yes;
}

/* The one file of mea's cache. */
static void cache_file(char *path, size_t size)
{
	struct dirent *e;
	DIR *d;

	snprintf(path, size, "%s/mea/opencl", folder);
	d = opendir(path);
	cr_assert(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			snprintf(path, size, "%s/mea/opencl/%.100s", folder, e->d_name);
	closedir(d);
}

Test(opencl_faults, the_kernel_is_kept_and_a_broken_file_is_replaced)
{
	char path[300];
	FILE *f;

	cr_expect(!cached());
	cr_expect(strstr(notes, "compiling kernels for "), "%s", notes);
	notes[0] = 0;
	cr_expect(cached());
	cr_expect_str_eq(notes, "");
	cache_file(path, sizeof(path));
	f = fopen(path, "r+b");
	cr_assert(f);
	fseek(f, 1000, SEEK_SET);
	fputs("broken", f);
	fclose(f);
	cr_expect(!cached());
	cr_expect(strstr(notes, ": broken; the kernels are compiled again"), "%s", notes);
	cr_expect(cached());
	cr_assert_eq(truncate(path, 100), 0);
	cr_expect(!cached());
	cr_assert_eq(truncate(path, 0), 0);
	cr_expect(!cached());
}

Test(opencl_faults, a_cache_that_cannot_be_written_costs_a_note)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/file", folder);
	f = fopen(path, "w");
	cr_assert(f);
	fclose(f);
	setenv("XDG_CACHE_HOME", path, 1);
	cr_expect(!cached());
	cr_expect(strstr(notes, "kernel cache "), "%s", notes);
	cr_expect(strstr(notes, "the kernels are compiled again next time"), "%s", notes);
}

Test(opencl_faults, a_cache_of_pocl_that_cannot_be_written_costs_a_note)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/file", folder);
	f = fopen(path, "w");
	cr_assert(f);
	fclose(f);
	setenv("TMPDIR", folder, 1);
	strcat(path, "/kcache");
	setenv("POCL_CACHE_DIR", path, 1);
	open_here();
	cr_expect(strstr(notes, "pocl cannot keep kernels in "), "%s", notes);
	backend->ops->close(backend);
}

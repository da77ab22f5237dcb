// SPDX-License-Identifier: Apache-2.0
#include "backend/opencl/device.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

#define PLATFORMS_MAX 8
#define DEVICES_MAX   16
#define THREADS_MAX   1024

/* --- what is wished for ------------------------------------------------------------ */

static int parse_threads(const char *what, const char *text, int *out)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 1 || n > THREADS_MAX)
		return mea_fail(MEA_EINVAL, "%s: '%.40s' is not 1 to %d", what, text, THREADS_MAX);
	*out = (int)n;
	return 0;
}

int mea_cl_wish_parse(const char *text, struct mea_cl_wish *out)
{
	char copy[sizeof(out->name)], *rest = copy, *item;
	const char *env = getenv("MEA_THREADS");
	int rc = 0;

	memset(out, 0, sizeof(*out));
	if (strlen(text) >= sizeof(copy))
		return mea_fail(MEA_EINVAL, "the name of the device is too long");
	strcpy(copy, text);
	while (!rc && (item = strsep(&rest, "+"))) {
		if (!strncmp(item, "threads=", 8))
			rc = parse_threads("threads", item + 8, &out->threads);
		else
			strcpy(out->name, item);
	}
	if (!rc && !out->threads && env && *env)
		rc = parse_threads("MEA_THREADS", env, &out->threads);
	return rc;
}

/* --- finding it -------------------------------------------------------------------- */

static void text_of(cl_device_id id, cl_device_info what, char *to, size_t size)
{
	char text[256] = "";

	if (mea_cl->clGetDeviceInfo(id, what, sizeof(text), text, NULL))
		strcpy(text, "unknown");
	snprintf(to, size, "%.*s", (int)size - 1, text);
}

static uint64_t number_of(cl_device_id id, cl_device_info what)
{
	cl_ulong n = 0;

	return mea_cl->clGetDeviceInfo(id, what, sizeof(n), &n, NULL) ? 0 : n;
}

static int units_of(cl_device_id id)
{
	cl_uint units = 1;

	mea_cl->clGetDeviceInfo(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(units), &units, NULL);
	return units < THREADS_MAX ? (int)units : THREADS_MAX;
}

/*
 * Takes a CPU device of p whose name fits, of several the one with the most threads, or
 * with a single one where one is all that is wanted; false when there is none.
 */
static bool pick(struct mea_cl_device *d, cl_platform_id p, const char *name, bool single)
{
	cl_device_id ids[DEVICES_MAX];
	char text[sizeof(d->name)];
	cl_uint n = 0;

	if (mea_cl->clGetDeviceIDs(p, CL_DEVICE_TYPE_CPU, DEVICES_MAX, ids, &n))
		return false;
	for (cl_uint i = 0; i < n && i < DEVICES_MAX; i++) {
		int threads = units_of(ids[i]);

		text_of(ids[i], CL_DEVICE_NAME, text, sizeof(text));
		if (!strstr(text, name) ||
		    (d->id && (single ? threads >= d->threads : threads <= d->threads)))
			continue;
		d->id = ids[i];
		d->threads = threads;
		strcpy(d->name, text);
	}
	if (!d->id)
		return false;
	text_of(d->id, CL_DRIVER_VERSION, d->driver, sizeof(d->driver));
	mea_cl->clGetPlatformInfo(p, CL_PLATFORM_VERSION, sizeof(d->platform), d->platform, NULL);
	d->memory = number_of(d->id, CL_DEVICE_GLOBAL_MEM_SIZE);
	d->buffer_max = number_of(d->id, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
	return true;
}

static int find_among(struct mea_cl_device *d, const char *name, bool single)
{
	cl_platform_id platforms[PLATFORMS_MAX];
	cl_uint n = 0;
	cl_int err = mea_cl->clGetPlatformIDs(PLATFORMS_MAX, platforms, &n);

	if (err || !n)
		return mea_fail(MEA_ENODEV, "no OpenCL driver is installed (%s)",
				mea_cl_error_name(err ? err : -1001));
	for (cl_uint i = 0; i < n && i < PLATFORMS_MAX; i++)
		if (pick(d, platforms[i], name, single))
			return 0;
	if (*name)
		return mea_fail(MEA_ENODEV, "no OpenCL CPU device has '%s' in its name", name);
	return mea_fail(MEA_ENODEV, "no OpenCL driver here has a CPU device");
}

/*
 * For a single thread pocl has a second device, which computes in the thread that calls
 * and so wakes up none: 1 us a launch where the other takes 8 to 30. It shows that device
 * to those who name it before it starts, by the old names or the new ones; it passes over
 * names that it does not know.
 */
static int find(struct mea_cl_device *d, const struct mea_cl_wish *wish)
{
	bool single = wish->threads == 1 || sysconf(_SC_NPROCESSORS_ONLN) == 1;
	bool name = single && !getenv("POCL_DEVICES");
	int rc;

	if (name)
		setenv("POCL_DEVICES", "pthread basic cpu cpu-minimal", 1);
	rc = find_among(d, wish->name, single);
	if (name)
		unsetenv("POCL_DEVICES");
	return rc;
}

/* --- contexts ------------------------------------------------------------------------ */

/*
 * A device, or a part of it, with context and queue. They stay until the process
 * ends: pocl 3.1 reports a job's end before it is done with the job's queue, and its
 * thread would meet a queue that was released just then.
 */
struct context {
	struct context *next;
	cl_device_id whole, id;
	int threads;
	cl_context context;
	cl_command_queue queue;
};

static struct context *contexts;
static pthread_mutex_t contexts_lock = PTHREAD_MUTEX_INITIALIZER;

/* c->id becomes a part of the device with fewer threads. */
static int divide(struct context *c)
{
	cl_device_partition_property p[] = {CL_DEVICE_PARTITION_BY_COUNTS, c->threads,
					    CL_DEVICE_PARTITION_BY_COUNTS_LIST_END, 0};

	return mea_cl_check(mea_cl->clCreateSubDevices(c->whole, p, 1, &c->id, NULL),
			    "clCreateSubDevices");
}

static void context_free(struct context *c)
{
	if (c->context)
		mea_cl->clReleaseContext(c->context);
	if (c->id && c->id != c->whole)
		mea_cl->clReleaseDevice(c->id);
	free(c);
}

static int context_new(const struct mea_cl_device *d, int threads, struct context **out)
{
	struct context *c = calloc(1, sizeof(*c));
	cl_int err = 0;
	int rc = 0;

	if (!c)
		return mea_nomem();
	c->whole = d->id;
	c->threads = threads;
	if (threads < d->threads)
		rc = divide(c);
	else
		c->id = c->whole;
	if (!rc) {
		c->context = mea_cl->clCreateContext(NULL, 1, &c->id, NULL, NULL, &err);
		rc = mea_cl_check(err, "clCreateContext");
	}
	if (!rc) {
		c->queue = mea_cl->clCreateCommandQueue(
			c->context, c->id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &err);
		rc = mea_cl_check(err, "clCreateCommandQueue");
	}
	if (rc) {
		context_free(c);
		return mea_fail_in(rc, "%s with %d of %d threads", d->name, threads, d->threads);
	}
	*out = c;
	return 0;
}

/* Gives d a context with so many threads; 0: all. */
static int enter(struct mea_cl_device *d, int threads)
{
	struct context *c;
	int rc = 0;

	if (!threads || threads > d->threads)
		threads = d->threads;
	pthread_mutex_lock(&contexts_lock);
	for (c = contexts; c; c = c->next)
		if (c->whole == d->id && c->threads == threads)
			break;
	if (!c) {
		rc = context_new(d, threads, &c);
		if (!rc) {
			c->next = contexts;
			contexts = c;
		}
	}
	pthread_mutex_unlock(&contexts_lock);
	if (rc)
		return rc;
	d->id = c->id;
	d->threads = threads;
	d->context = c->context;
	d->queue = c->queue;
	return 0;
}

/* --- opening ----------------------------------------------------------------------- */

/* The process that started the driver. */
static pid_t first_process;

bool mea_cl_in_use(void)
{
	return first_process;
}

/*
 * A driver's threads do not survive a fork(), and it does not know: its calls
 * would wait for ever in the child.
 */
static int check_process(void)
{
	if (!first_process)
		first_process = getpid();
	if (first_process == getpid())
		return 0;
	return mea_fail(MEA_ENODEV, "OpenCL was in use before this process was forked");
}

int mea_cl_device_open(const struct mea_cl_wish *wish, struct mea_cl_device *d)
{
	/* pocl shows no device to a second thread while the first one starts it. */
	static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
	int rc;

	memset(d, 0, sizeof(*d));
	pthread_mutex_lock(&first);
	rc = mea_cl_load();
	if (!rc)
		rc = check_process();
	if (!rc)
		mea_cl_cache_pocl();
	if (!rc)
		rc = find(d, wish);
	pthread_mutex_unlock(&first);
	return rc ? rc : enter(d, wish->threads);
}

void mea_cl_device_close(struct mea_cl_device *d)
{
	if (d->program)
		mea_cl->clReleaseProgram(d->program);
	memset(d, 0, sizeof(*d));
}

/* --- how it multiplies -------------------------------------------------------------- */

const char *mea_cl_variant_name(enum mea_cl_variant variant)
{
	static const char *const names[] = {"plain OpenCL C", "AVX-512 VNNI", "AMX"};

	return names[variant];
}

#if defined(__x86_64__)
#include <cpuid.h>

#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_TILEDATA   18

static bool has_vnni(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

/* The kernel grants a process the tile registers when it asks. */
static bool has_amx(void)
{
	unsigned int a, b, c, d;

	if (!has_vnni() || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return false;
	if (!(d >> 24 & 1) || !(d >> 25 & 1)) /* AMX-TILE, AMX-INT8 */
		return false;
	return !syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILEDATA);
}
#else
static bool has_vnni(void)
{
	return false;
}

static bool has_amx(void)
{
	return false;
}
#endif

enum mea_cl_variant mea_cl_variant_below(enum mea_cl_variant most)
{
	if (most >= MEA_CL_AMX && has_amx())
		return MEA_CL_AMX;
	return most >= MEA_CL_VNNI && has_vnni() ? MEA_CL_VNNI : MEA_CL_PLAIN;
}

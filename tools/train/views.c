// SPDX-License-Identifier: Apache-2.0
#include "train/views.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "train/mem.h"

/* The file: a page that says what it holds, then the answers as in memory, in the byte order of
 * the machine. */
#define PAGE   4096
#define MAGIC  "meaview1"
#define MOST   1023
#define ANSWER 1.0f /* behind an answer that is known */

struct head {
	char magic[8];
	uint64_t views, n, classes;
	char asked[PAGE - 32];
};

_Static_assert(sizeof(struct head) == PAGE, "answers start at a page");

struct image {
	struct head head; /* of a file; in memory it stays empty */
	float answers[];  /* view, image: classes, then ANSWER or 0 at the end */
};

struct mea_views {
	size_t n, classes;
	size_t stride; /* floats; a power of two, so that no answer of up to MOST lies in two pages
			*/
	size_t bytes;
	struct image *map;
};

static struct mea_views *shape(int views, size_t n, int classes, struct head *h)
{
	struct mea_views *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->n = n;
	v->classes = (size_t)classes;
	for (v->stride = 16; v->stride <= v->classes; v->stride *= 2)
		;
	v->bytes = PAGE + (size_t)views * n * v->stride * sizeof(float);
	v->map = MAP_FAILED;
	memset(h, 0, sizeof(*h));
	memcpy(h->magic, MAGIC, sizeof(h->magic));
	h->views = (uint64_t)views;
	h->n = n;
	h->classes = (uint64_t)classes;
	return v;
}

static int map(struct mea_views *v, int fd, struct mea_views **out)
{
	v->map = mmap(NULL, v->bytes, PROT_READ | PROT_WRITE,
		      fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	if (v->map == MAP_FAILED)
		return mea_fail(MEA_ENOMEM, "no memory for a teacher's answers (%zu MB)",
				v->bytes / 1000000);
	mea_mem_count(MEA_MEM_ANSWERS, (ptrdiff_t)v->bytes);
	*out = v;
	return 0;
}

int mea_views_new(int views, size_t n, int classes, struct mea_views **out)
{
	struct head h;
	struct mea_views *v = shape(views, n, classes, &h);
	int rc = v ? map(v, -1, out) : mea_nomem();

	if (rc) {
		*out = NULL;
		mea_views_free(v);
	}
	return rc;
}

/* Under another name first: who finds the file finds it whole. */
static int make(const char *path, const struct head *h, size_t bytes)
{
	char *part;
	int fd, rc = 0, error = 0;

	if (asprintf(&part, "%s.%d", path, (int)getpid()) < 0)
		return mea_nomem();
	fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		error = errno;
	else if (write(fd, h, sizeof(*h)) != sizeof(*h))
		error = errno ? errno : ENOSPC;
	else /* Whole, as a page that finds no room later is a SIGBUS. */
		error = posix_fallocate(fd, 0, (off_t)bytes);
	if (!error && link(part, path) && errno != EEXIST)
		error = errno;
	if (error)
		rc = mea_fail(MEA_EIO, "%s: %s (it takes %zu MB)", path, strerror(error),
			      bytes / 1000000);
	if (fd >= 0) {
		close(fd);
		unlink(part);
	}
	free(part);
	return rc;
}

static int check(int fd, const char *path, const struct head *want, size_t bytes)
{
	struct head h;
	struct stat st;

	if (fstat(fd, &st) || pread(fd, &h, sizeof(h), 0) != sizeof(h) ||
	    memcmp(h.magic, want->magic, sizeof(h.magic)))
		return mea_fail(MEA_EINVAL, "%s: holds no teacher's answers", path);
	h.asked[sizeof(h.asked) - 1] = 0;
	if (h.views != want->views || h.n != want->n || h.classes != want->classes ||
	    strcmp(h.asked, want->asked))
		return mea_fail(MEA_EINVAL,
				"%s: holds answers of another teacher or to other "
				"images: %s; asked for now: %s",
				path, h.asked, want->asked);
	if ((uint64_t)st.st_size != bytes)
		return mea_fail(MEA_EINVAL, "%s: has %lld bytes, not %zu", path,
				(long long)st.st_size, bytes);
	return 0;
}

int mea_views_open(const char *path, const char *asked, int views, size_t n, int classes,
		   struct mea_views **out)
{
	struct head h;
	struct mea_views *v;
	int fd, rc = 0;

	*out = NULL;
	if (classes > MOST)
		return mea_fail(MEA_EUNSUPPORTED,
				"%s: answers of %d classes are not kept in a "
				"file, only of up to %d",
				path, classes, MOST);
	v = shape(views, n, classes, &h);
	if (!v)
		return mea_nomem();
	snprintf(h.asked, sizeof(h.asked), "%s", asked);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		rc = make(path, &h, v->bytes);
		fd = rc ? -1 : open(path, O_RDWR | O_CLOEXEC);
	}
	if (!rc && fd < 0)
		rc = mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	if (!rc)
		rc = check(fd, path, &h, v->bytes);
	if (!rc)
		rc = map(v, fd, out);
	if (fd >= 0)
		close(fd);
	if (rc)
		mea_views_free(v);
	return rc;
}

void mea_views_free(struct mea_views *v)
{
	if (!v)
		return;
	if (v->map != MAP_FAILED) {
		munmap(v->map, v->bytes);
		mea_mem_count(MEA_MEM_ANSWERS, -(ptrdiff_t)v->bytes);
	}
	free(v);
}

static float *place(const struct mea_views *v, int view, uint32_t index)
{
	return v->map->answers + ((size_t)view * v->n + index) * v->stride;
}

bool mea_views_get(const struct mea_views *v, int view, const uint32_t *index, int count,
		   float *out)
{
	for (int i = 0; i < count; i++) {
		const float *at = place(v, view, index[i]);
		float known;

		/* Another process may be writing it: the mark comes last. */
		__atomic_load(at + v->stride - 1, &known, __ATOMIC_ACQUIRE);
		if (known != ANSWER)
			return false;
		memcpy(out + (size_t)i * v->classes, at, v->classes * sizeof(*out));
	}
	return true;
}

void mea_views_put(struct mea_views *v, int view, const uint32_t *index, int count,
		   const float *answers)
{
	float known = ANSWER;

	for (int i = 0; i < count; i++) {
		float *at = place(v, view, index[i]);

		memcpy(at, answers + (size_t)i * v->classes, v->classes * sizeof(*answers));
		__atomic_store(at + v->stride - 1, &known, __ATOMIC_RELEASE);
	}
}

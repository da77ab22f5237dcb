// SPDX-License-Identifier: Apache-2.0
/*
 * A file is the SHA-256 of what follows, then that. It appears under its name when
 * it is whole, so two processes at once do no harm.
 */
#include "backend/opencl/cache.h"

#include <nettle/sha2.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "note.h"

#define SIZE_MAX_FILE (64 << 20)
#define PATH_ROOM     4096

void mea_cl_cache_key(const char *const *texts, int n, char key[MEA_CL_KEY])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	for (int i = 0; i < n; i++) /* with its 0, so that no two lists run together */
		sha256_update(&ctx, strlen(texts[i]) + 1, (const uint8_t *)texts[i]);
	sha256_digest(&ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(key + 2 * i, 3, "%02x", digest[i]);
}

/* The folder, with the file `key` in it; false when there is no home for one. */
static bool path_of(const char *key, char path[PATH_ROOM])
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (xdg && *xdg == '/')
		n = snprintf(path, PATH_ROOM, "%s/mea/opencl/%s", xdg, key);
	else if (home && *home)
		n = snprintf(path, PATH_ROOM, "%s/.cache/mea/opencl/%s", home, key);
	else
		return false;
	return n > 0 && n < PATH_ROOM - 32;
}

static void digest_of(const uint8_t *bytes, size_t size, uint8_t digest[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, size, bytes);
	sha256_digest(&ctx, SHA256_DIGEST_SIZE, digest);
}

static unsigned char *read_file(FILE *f, size_t *size)
{
	uint8_t kept[SHA256_DIGEST_SIZE], seen[SHA256_DIGEST_SIZE];
	unsigned char *bytes = NULL;
	struct stat st;

	if (fstat(fileno(f), &st) || st.st_size <= (off_t)sizeof(kept) ||
	    st.st_size > SIZE_MAX_FILE)
		return NULL;
	*size = (size_t)st.st_size - sizeof(kept);
	bytes = malloc(*size);
	if (bytes && fread(kept, sizeof(kept), 1, f) == 1 && fread(bytes, *size, 1, f) == 1) {
		digest_of(bytes, *size, seen);
		if (!memcmp(kept, seen, sizeof(kept)))
			return bytes;
	}
	free(bytes);
	return NULL;
}

unsigned char *mea_cl_cache_get(const char *key, size_t *size)
{
	char path[PATH_ROOM];
	unsigned char *bytes;
	FILE *f;

	if (!path_of(key, path))
		return NULL;
	f = fopen(path, "rb");
	if (!f) {
		if (errno != ENOENT && errno != ENOTDIR)
			mea_note("kernel cache %s: %s", path, strerror(errno));
		return NULL;
	}
	bytes = read_file(f, size);
	if (!bytes)
		mea_note("kernel cache %s: broken; the kernels are compiled again", path);
	fclose(f);
	return bytes;
}

/* Makes every folder on the way to path. */
static int make_folders(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		int rc;

		*p = 0;
		rc = mkdir(path, 0700) && errno != EEXIST;
		*p = '/';
		if (rc)
			return -1;
	}
	return 0;
}

static int write_file(const char *path, const unsigned char *bytes, size_t size)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	FILE *f = fopen(path, "wb");
	int bad;

	if (!f)
		return -1;
	digest_of(bytes, size, digest);
	bad = fwrite(digest, sizeof(digest), 1, f) != 1 || fwrite(bytes, size, 1, f) != 1;
	bad |= fclose(f) != 0;
	return bad ? -1 : 0;
}

void mea_cl_cache_put(const char *key, const unsigned char *bytes, size_t size)
{
	char path[PATH_ROOM], part[PATH_ROOM + 32];

	if (!path_of(key, path)) {
		mea_note("kernels are not kept: neither XDG_CACHE_HOME nor HOME is set");
		return;
	}
	snprintf(part, sizeof(part), "%s.%d", path, (int)getpid());
	if (!make_folders(path) && !write_file(part, bytes, size) && !rename(part, path))
		return;
	mea_note("kernel cache %s: %s; the kernels are compiled again next time", path,
		 strerror(errno));
	unlink(part);
}

/* --- pocl's own cache -------------------------------------------------------------- */

static bool writable(const char *folder)
{
	char path[PATH_ROOM + 32];

	snprintf(path, sizeof(path), "%s/", folder);
	return !make_folders(path) && !access(folder, W_OK | X_OK);
}

/* Where pocl keeps kernels; false when it would not know. */
static bool pocl_folder(char path[PATH_ROOM])
{
	const char *own = getenv("POCL_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int n;

	if (own && *own)
		n = snprintf(path, PATH_ROOM, "%s", own);
	else if (xdg && *xdg)
		n = snprintf(path, PATH_ROOM, "%s/pocl/kcache", xdg);
	else if (home && *home)
		n = snprintf(path, PATH_ROOM, "%s/.cache/pocl/kcache", home);
	else
		return false;
	return n > 0 && n < PATH_ROOM;
}

void mea_cl_cache_pocl(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_ROOM], other[PATH_ROOM];
	struct stat st;

	if (!pocl_folder(path) || writable(path))
		return;
	snprintf(other, sizeof(other), "%.4000s/mea-pocl-%d", tmp && *tmp ? tmp : "/tmp",
		 (int)getuid());
	/* In a folder that all may write to, someone else may have been there first. */
	if ((mkdir(other, 0700) && errno != EEXIST) || lstat(other, &st) || !S_ISDIR(st.st_mode) ||
	    st.st_uid != getuid())
		return;
	setenv("POCL_CACHE_DIR", other, 1);
	mea_note("pocl cannot keep kernels in %.200s; it uses %.200s", path, other);
}

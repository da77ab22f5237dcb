// SPDX-License-Identifier: Apache-2.0
/*
 * A file is the SHA-256 of what follows, then that. It appears under its name when
 * it is whole, so two processes at once do no harm.
 */
#include "backend/opencl/cache.h"

#include <nettle/sha2.h>

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/note.h"
#include "base/text.h"

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
	mea_text_hex(key, digest, sizeof(digest));
}

/* A folder below the user's for caches; false when there is no home for one. */
static bool folder_of(const char *what, char path[PATH_ROOM])
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (xdg && *xdg == '/')
		n = snprintf(path, PATH_ROOM, "%s/%s", xdg, what);
	else if (home && *home)
		n = snprintf(path, PATH_ROOM, "%s/.cache/%s", home, what);
	else
		return false;
	return n > 0 && n < PATH_ROOM - 128;
}

static bool path_of(const char *key, char path[PATH_ROOM])
{
	if (!folder_of("mea/opencl/", path))
		return false;
	strcat(path, key);
	return true;
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

/* pocl trusts what lies there: a file cut by a power failure ends the process. So mea gives it
 * folders of its own, numbered; when one turns out to be broken, the next is used. Another
 * process may be using the old one, which stays. */
#define FOLDERS_MAX 100
#define ROOM_NEEDED (8u << 20) /* bytes; the kernels take half of one MiB */

static char pocl_base[PATH_ROOM]; /* the folder of those; "": the user chose one */
static int pocl_number;

/* Kernels are files that are loaded as code. */
static bool usable(const char *folder)
{
	char path[PATH_ROOM + 32];
	struct statvfs fs;

	snprintf(path, sizeof(path), "%s/", folder);
	return !make_folders(path) && !access(folder, W_OK | X_OK) && !statvfs(folder, &fs) &&
	       !(fs.f_flag & ST_NOEXEC) && (uint64_t)fs.f_bavail * fs.f_frsize >= ROOM_NEEDED;
}

static void use_folder(int number)
{
	char path[PATH_ROOM + 16];

	pocl_number = number;
	snprintf(path, sizeof(path), "%s/%d", pocl_base, number);
	setenv("POCL_CACHE_DIR", path, 1);
}

/* The highest number that there is, or 0. */
static int newest(void)
{
	char path[PATH_ROOM + 16];
	int n = FOLDERS_MAX;

	do
		snprintf(path, sizeof(path), "%s/%d", pocl_base, --n);
	while (n && access(path, F_OK));
	return n;
}

/* Makes a folder for temporary files that nobody else can have put anything into. */
static bool temporary_folder(char path[PATH_ROOM])
{
	const char *tmp = getenv("TMPDIR");
	struct stat st;

	snprintf(path, PATH_ROOM, "%.4000s/mea-pocl-%d", tmp && *tmp ? tmp : "/tmp", (int)getuid());
	return (!mkdir(path, 0700) || errno == EEXIST) && !lstat(path, &st) &&
	       S_ISDIR(st.st_mode) && st.st_uid == getuid() && usable(path);
}

void mea_cl_cache_pocl(void)
{
	const char *chosen = getenv("POCL_CACHE_DIR");
	char path[PATH_ROOM] = "";

	if (chosen && *chosen) {
		if (usable(chosen))
			return;
		snprintf(path, sizeof(path), "%s", chosen);
	} else if (folder_of("mea/pocl", path) && usable(path)) {
		strcpy(pocl_base, path);
		use_folder(newest());
		return;
	}
	if (!temporary_folder(pocl_base)) {
		*pocl_base = 0;
		return;
	}
	use_folder(newest());
	mea_note("pocl cannot keep kernels in %.200s; it uses %.200s", *path ? path : "a home",
		 pocl_base);
}

bool mea_cl_cache_pocl_anew(void)
{
	if (!*pocl_base || pocl_number + 1 >= FOLDERS_MAX)
		return false;
	use_folder(pocl_number + 1);
	return true;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void mea_cl_cache_pocl_back(void)
{
	nftw(getenv("POCL_CACHE_DIR"), remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	use_folder(pocl_number - 1);
}

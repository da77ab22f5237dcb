/* SPDX-License-Identifier: Apache-2.0 */
/* A /sys of one's own below /tmp, with files that tests write. */
#ifndef FAKE_SYSFS_H
#define FAKE_SYSFS_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char fake_root[64];

static inline void fake_make(void)
{
	snprintf(fake_root, sizeof(fake_root), "/tmp/mea-sysfs-XXXXXX");
	cr_assert(mkdtemp(fake_root));
	cr_assert(!chmod(fake_root, 0755));
}

static inline int fake_unlink(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st;
	(void)type;
	(void)w;
	return remove(path);
}

static inline void fake_remove(void)
{
	nftw(fake_root, fake_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

/* The full path of a file below class/. */
static inline const char *fake_path(const char *file)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/class/%s", fake_root, file);
	return path;
}

/* Writes a file below class/, and the folders above it. */
__attribute__((format(printf, 2, 3))) static inline void fake_put(const char *file, const char *fmt,
								  ...)
{
	char dir[256];
	va_list ap;
	FILE *f;

	snprintf(dir, sizeof(dir), "%s", fake_path(file));
	f = fopen(dir, "w");
	for (char *p = dir + 1; !f && (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(dir, 0755);
		*p = '/';
	}
	if (!f)
		f = fopen(dir, "w");
	cr_assert(f, "%s", dir);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fputc('\n', f);
	fclose(f);
}

#endif

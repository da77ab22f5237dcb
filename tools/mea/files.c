// SPDX-License-Identifier: Apache-2.0
#include "files.h"

#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy_bytes(FILE *in, FILE *out, const char *from, const char *to)
{
	char block[65536];
	size_t n;

	while ((n = fread(block, 1, sizeof(block), in)) > 0)
		if (fwrite(block, 1, n, out) != n)
			return mea_fail(MEA_EIO, "%s: %s", to, strerror(errno));
	return ferror(in) ? mea_fail(MEA_EIO, "%s: cannot be read", from) : 0;
}

bool file_same(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int file_copy(const char *from, const char *to)
{
	FILE *in = NULL, *out = NULL;
	char *part = NULL;
	int rc = 0;

	if (file_same(from, to))
		return 0;
	if (asprintf(&part, "%s.tmp", to) < 0)
		return mea_nomem();
	in = fopen(from, "rb");
	if (!in) {
		rc = mea_fail(errno == ENOENT ? MEA_ENOENT : MEA_EIO, "%s: %s", from,
			      strerror(errno));
		goto out;
	}
	out = fopen(part, "wb");
	rc = out ? copy_bytes(in, out, from, to) : mea_fail(MEA_EIO, "%s: %s", to, strerror(errno));
	if (out && fclose(out) && !rc)
		rc = mea_fail(MEA_EIO, "%s: %s", to, strerror(errno));
	if (!rc && rename(part, to))
		rc = mea_fail(MEA_EIO, "%s: %s", to, strerror(errno));
	if (rc && out)
		unlink(part);
out:
	if (in)
		fclose(in);
	free(part);
	return rc;
}

int file_begin(struct file_draft *d, const char *path)
{
	*d = (struct file_draft){.final = strdup(path)};
	if (!d->final)
		return mea_nomem();
	if (asprintf(&d->path, "%s.tmp%ld", path, (long)getpid()) < 0) {
		d->path = NULL;
		return mea_nomem();
	}
	d->f = fopen(d->path, "wx");
	return d->f ? 0 : mea_fail(MEA_EIO, "%s: cannot be written: %s", path, strerror(errno));
}

int file_finish(struct file_draft *d)
{
	FILE *f = d->f;
	int rc = 0;

	d->f = NULL;
	if (ferror(f) | fclose(f))
		rc = mea_fail(MEA_EIO, "%s: cannot be written", d->final);
	else if (rename(d->path, d->final))
		rc = mea_fail(MEA_EIO, "%s: %s", d->final, strerror(errno));
	if (rc)
		unlink(d->path);
	return rc;
}

void file_abandon(struct file_draft *d)
{
	if (d->f) {
		fclose(d->f);
		unlink(d->path);
	}
	free(d->path);
	free(d->final);
	memset(d, 0, sizeof(*d));
}

int folder_make(const char *dir)
{
	if (mkdir(dir, 0777) && errno != EEXIST)
		return mea_fail(MEA_EIO, "%s: cannot make the folder: %s", dir, strerror(errno));
	return 0;
}

char *line_text(char *line, bool first)
{
	size_t len;

	if (first && !strncmp(line, "\xef\xbb\xbf", 3))
		line += 3;
	len = strlen(line);
	while (len && strchr(" \t\r\n", line[len - 1]))
		line[--len] = 0;
	return line;
}

json_t *tool_text(const char *s)
{
	json_t *text = json_string(s);
	char *copy;

	if (text)
		return text;
	copy = strdup(s);
	for (char *p = copy; p && *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	text = copy ? json_string(copy) : json_null();
	free(copy);
	return text;
}

json_t *tool_real_json(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

json_t *tool_ratio_json(double a, double b)
{
	return tool_real_json(b > 0 ? a / b : NAN);
}

int tool_print_json(json_t *o)
{
	bool bad = !o || json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) ||
		   putchar('\n') == EOF;

	json_decref(o);
	return bad ? mea_fail(MEA_EIO, "stdout: cannot be written") : 0;
}

json_t *tool_three(const float v[3])
{
	return json_pack("[f, f, f]", (double)v[0], (double)v[1], (double)v[2]);
}

// SPDX-License-Identifier: Apache-2.0
#include "top.h"

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "meanet/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scan {
	struct client *list;
	int n;
	bool no_memory;
};

static struct client *add_client(struct scan *s, int pid, const char *command)
{
	struct client *c;

	if (mea_grow(&s->list, (size_t)s->n, 1, sizeof(*s->list))) {
		s->no_memory = true;
		return NULL;
	}
	c = &s->list[s->n++];
	*c = (struct client){.pid = pid};
	snprintf(c->command, sizeof(c->command), "%s", command);
	return c;
}

/* --- sessions ------------------------------------------------------------------------- */

static void read_session(struct scan *s, int pid, const char *command, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct mea_published p;
	struct client *c;
	struct stat st;
	bool ok = fd >= 0 && !fstat(fd, &st) && pread(fd, &p, sizeof(p), 0) == sizeof(p);

	if (fd >= 0)
		close(fd);
	/* Somebody else's memory may have any name. */
	if (!ok || p.magic != MEA_PUBLISHED_MAGIC)
		return;
	c = add_client(s, pid, command);
	if (!c)
		return;
	p.bundle[sizeof(p.bundle) - 1] = 0;
	mea_text_show(c->name, sizeof(c->name), p.bundle);
	c->id = st.st_ino;
	for (int i = 0; i < MEA_EXITS; i++)
		c->images[i] = p.images[i];
	c->failed = p.failed;
	c->macs = p.macs;
	c->cycles = p.cycles;
	c->bytes_up = p.bytes_up;
	c->bytes_down = p.bytes_down;
}

/* --- the driver's files ------------------------------------------------------------------ */

/* A line of fdinfo: "key: value unit", in bytes or ns or Hz. */
static void fdinfo_line(struct client *c, bool *ours, char *line)
{
	char *value = strchr(line, ':');
	uint64_t v, unit = 1;
	char kib[4] = "";

	if (!value)
		return;
	*value++ = 0;
	if (!strcmp(line, "drm-driver"))
		*ours = !strcmp(value + strspn(value, " \t"), "mea");
	if (sscanf(value, "%" SCNu64 " %3s", &v, kib) < 1)
		return;
	if (!strcmp(kib, "KiB"))
		unit = 1024;
	else if (!strcmp(kib, "MiB"))
		unit = 1024 * 1024;
	if (!strcmp(line, "drm-client-id"))
		c->id = v;
	else if (!strcmp(line, "drm-engine-array"))
		c->busy_ns = v;
	else if (!strcmp(line, "drm-cycles-array"))
		c->cycles = v;
	else if (!strcmp(line, "drm-maxfreq-array"))
		c->max_hz = v;
	else if (!strcmp(line, "mea-jobs"))
		c->jobs = v;
	else if (!strncmp(line, "drm-total-", 10))
		c->memory += v * unit;
}

static void read_driver(struct scan *s, int pid, const char *command, const char *node,
			const char *path)
{
	struct client c = {.pid = pid, .driver = true}, *new;
	FILE *f = fopen(path, "r");
	bool ours = false;
	char line[160];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		fdinfo_line(&c, &ours, line);
	}
	if (f)
		fclose(f);
	/* Descriptors that were duplicated are one client. */
	for (int i = 0; i < s->n; i++)
		ours &= !s->list[i].driver || s->list[i].id != c.id;
	if (!ours)
		return;
	snprintf(c.command, sizeof(c.command), "%s", command);
	snprintf(c.name, sizeof(c.name), "%.60s", node);
	new = add_client(s, pid, command);
	if (new)
		*new = c;
}

/* --- /proc ---------------------------------------------------------------------------------- */

static void read_command(const char *procfs, int pid, char *text, size_t size)
{
	char path[320], comm[64];
	FILE *f;

	snprintf(path, sizeof(path), "%.250s/%d/comm", procfs, pid);
	f = fopen(path, "r");
	if (!f || !fgets(comm, sizeof(comm), f))
		strcpy(comm, "?");
	if (f)
		fclose(f);
	comm[strcspn(comm, "\n")] = 0;
	/* Any process may name itself anything. */
	mea_text_show(text, size, comm);
}

static void scan_process(struct scan *s, const char *procfs, int pid)
{
	char path[320], link[128], command[32];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "%.250s/%d/fd", procfs, pid);
	dir = opendir(path);
	if (!dir)
		return;
	read_command(procfs, pid, command, sizeof(command));
	while ((e = readdir(dir))) {
		ssize_t n;

		snprintf(path, sizeof(path), "%.250s/%d/fd/%.20s", procfs, pid, e->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = 0;
		if (!strncmp(link, MEA_PUBLISHED_LINK, strlen(MEA_PUBLISHED_LINK))) {
			read_session(s, pid, command, path);
		} else if (!strncmp(link, "/dev/accel/", 11)) {
			snprintf(path, sizeof(path), "%.250s/%d/fdinfo/%.20s", procfs, pid,
				 e->d_name);
			read_driver(s, pid, command, link, path);
		}
	}
	closedir(dir);
}

int top_scan(const char *procfs, struct client **list)
{
	struct scan s = {0};
	struct dirent *e;
	DIR *dir = opendir(procfs);

	*list = NULL;
	if (!dir)
		return mea_fail(MEA_EIO, "%s: %s", procfs, strerror(errno));
	while ((e = readdir(dir)))
		if (*e->d_name >= '1' && *e->d_name <= '9')
			scan_process(&s, procfs, atoi(e->d_name));
	closedir(dir);
	if (s.no_memory) {
		free(s.list);
		return mea_nomem();
	}
	*list = s.list;
	return s.n;
}

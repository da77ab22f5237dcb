// SPDX-License-Identifier: Apache-2.0
#include "bundle_edit.h"

#include "base/error.h"
#include "base/note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS	  60000
#define LOOK_MS	  20
#define STAGED	  ".new" /* behind a file's name until it takes its place */
#define FILE_NAME 40

/* "extension.int8.onnx" */
static void file_name(enum mea_net net, enum mea_variant v, char name[FILE_NAME])
{
	snprintf(name, FILE_NAME, "%s%s.onnx", mea_net_name(net), v == MEA_INT8 ? ".int8" : "");
}

/* The kernel drops the lock with the last descriptor, however the process ends. */
static int take_lock(const char *dir, int *fd)
{
	*fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return mea_fail(errno == ENOENT ? MEA_ENOENT : MEA_EIO, "%s: %s", dir,
				strerror(errno));
	for (int waited = 0; flock(*fd, LOCK_EX | LOCK_NB); waited += LOOK_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return mea_fail(MEA_EIO, "%s: cannot be locked: %s", dir, strerror(errno));
		if (waited >= WAIT_MS)
			return mea_fail(
				MEA_ETIMEDOUT,
				"%s: another program has been changing this bundle for %d s", dir,
				WAIT_MS / 1000);
		if (waited == 50 * LOOK_MS)
			mea_note("%s: another program is changing this bundle; waiting", dir);
		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
	}
	return 0;
}

static int read_document(struct mea_bundle_edit *e)
{
	struct mea_bundle *b;
	int rc = mea_bundle_load(e->dir, &b);

	if (rc && rc != MEA_ENOENT)
		return rc;
	e->doc = rc ? json_object() : json_incref(b->json);
	if (!rc)
		mea_bundle_free(b);
	return e->doc ? 0 : mea_nomem();
}

int mea_bundle_edit_begin(const char *dir, struct mea_bundle_edit **out)
{
	struct mea_bundle_edit *e = calloc(1, sizeof(*e));
	int rc;

	*out = NULL;
	if (!e)
		return mea_nomem();
	e->lock = -1;
	e->dir = strdup(dir);
	rc = e->dir ? take_lock(dir, &e->lock) : mea_nomem();
	if (!rc)
		rc = read_document(e);
	if (rc)
		mea_bundle_edit_end(e);
	else
		*out = e;
	return rc;
}

int mea_bundle_edit_path(struct mea_bundle_edit *e, enum mea_net net, enum mea_variant v,
			 const char **path)
{
	char name[FILE_NAME], **p = &e->staged[net][v];

	file_name(net, v, name);
	if (!*p && asprintf(p, "%s/%s" STAGED, e->dir, name) < 0) {
		*p = NULL;
		return mea_nomem();
	}
	*path = *p;
	return 0;
}

/* The object under key, made if it is missing; borrowed. */
static json_t *object_at(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	if (!v && json_object_set_new(o, key, json_object()) == 0)
		v = json_object_get(o, key);
	return v;
}

int mea_bundle_edit_enter(struct mea_bundle_edit *e, enum mea_net net, enum mea_variant v)
{
	json_t *files = object_at(e->doc, "files");
	char sha[MEA_SHA256_HEX], *path = e->staged[net][v];
	int rc = mea_sha256_file(path, sha);

	if (rc)
		return rc;
	if (v == MEA_FLOAT)
		json_object_del(files, mea_net_name(net));
	if (json_object_set_new(object_at(files, mea_net_name(net)), mea_variant_name(v),
				json_pack("{s:s, s:s}", "file", strrchr(path, '/') + 1, "sha256",
					  sha)))
		return mea_nomem();
	return 0;
}

int mea_bundle_edit_check(const struct mea_bundle_edit *e, struct mea_bundle **out)
{
	return mea_bundle_from_json(e->dir, json_incref(e->doc), out);
}

int mea_bundle_edit_same(const struct mea_bundle_edit *e, const struct mea_bundle *b)
{
	struct mea_bundle *now;
	int rc = mea_bundle_edit_check(e, &now);

	if (rc)
		return rc;
	for (int net = 0; net < MEA_NETS; net++) {
		const char *was = b->files[net][MEA_FLOAT].sha256;

		if (!rc && strcmp(was, now->files[net][MEA_FLOAT].sha256))
			rc = mea_fail(MEA_EINVAL,
				      "%s: another program has changed network %s meanwhile",
				      e->dir, mea_net_name((enum mea_net)net));
	}
	mea_bundle_free(now);
	return rc;
}

/* Puts one staged file in its place, and its name with it. */
static int place(struct mea_bundle_edit *e, enum mea_net net, enum mea_variant v)
{
	json_t *o = json_object_get(json_object_get(e->doc, "files"), mea_net_name(net));
	char name[FILE_NAME], *path;
	int rc = 0;

	if (!e->staged[net][v])
		return 0;
	file_name(net, v, name);
	if (asprintf(&path, "%s/%s", e->dir, name) < 0)
		return mea_nomem();
	if (json_object_set_new(json_object_get(o, mea_variant_name(v)), "file", json_string(name)))
		rc = mea_nomem();
	else if (rename(e->staged[net][v], path))
		rc = mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	free(path);
	if (!rc) {
		free(e->staged[net][v]);
		e->staged[net][v] = NULL;
	}
	return rc;
}

int mea_bundle_edit_commit(struct mea_bundle_edit *e)
{
	bool whole = json_object_get(e->doc, "format");
	struct mea_bundle *b = NULL;
	int rc = whole ? mea_bundle_edit_check(e, &b) : 0;

	for (int net = 0; net < MEA_NETS; net++)
		for (int v = 0; v < MEA_VARIANTS && !rc; v++)
			rc = place(e, (enum mea_net)net, (enum mea_variant)v);
	if (!rc && whole)
		rc = mea_bundle_save(b);
	mea_bundle_free(b);
	return rc;
}

void mea_bundle_edit_end(struct mea_bundle_edit *e)
{
	if (!e)
		return;
	for (int net = 0; net < MEA_NETS; net++) {
		for (int v = 0; v < MEA_VARIANTS; v++) {
			if (e->staged[net][v])
				unlink(e->staged[net][v]);
			free(e->staged[net][v]);
		}
	}
	if (e->lock >= 0)
		close(e->lock);
	json_decref(e->doc);
	free(e->dir);
	free(e);
}

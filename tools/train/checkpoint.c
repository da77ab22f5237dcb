// SPDX-License-Identifier: Apache-2.0
/*
 * Layout, in the byte order of the machine: magic; length of the recipe and the
 * recipe; struct mea_progress; for each set the number of floats, then weights,
 * momenta and, where one is kept, their average; what is extra; the SHA-256 of all before. There
 * are as many momenta as elements that are trained, or none; that follows from the recipe.
 */
#include "train/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static const char magic[8] = "meatrn2";

/* A file that is hashed as it is written or read. */
struct stream {
	FILE *f;
	struct sha256_ctx sha;
	bool bad;
};

static void put(struct stream *s, const void *data, size_t n)
{
	if (s->bad || !n)
		return;
	s->bad = fwrite(data, 1, n, s->f) != n;
	sha256_update(&s->sha, n, data);
}

static void get(struct stream *s, void *data, size_t n)
{
	if (s->bad || !n)
		return;
	s->bad = fread(data, 1, n, s->f) != n;
	if (!s->bad)
		sha256_update(&s->sha, n, data);
}

/* --- writing --------------------------------------------------------------------- */

static void put_all(struct stream *s, const struct mea_checkpoint *c)
{
	uint64_t n = strlen(c->recipe);
	uint8_t digest[SHA256_DIGEST_SIZE];

	put(s, magic, sizeof(magic));
	put(s, &n, sizeof(n));
	put(s, c->recipe, n);
	put(s, &c->at, sizeof(c->at));
	for (int i = 0; i < MEA_CKPT_SETS; i++) {
		const struct mea_params *p = c->sets[i];

		n = p ? p->elements : 0;
		put(s, &n, sizeof(n));
		if (!p)
			continue;
		put(s, p->block, n * sizeof(float));
		if (p->momenta)
			put(s, p->momenta, mea_params_trained(p) * sizeof(float));
		if (p->average)
			put(s, p->average, n * sizeof(float));
	}
	put(s, c->extra, c->extra_bytes);
	sha256_digest(&s->sha, sizeof(digest), digest);
	put(s, digest, sizeof(digest));
}

/* The new name must be on the disk as well. */
static void sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	free(copy);
}

int mea_checkpoint_save(const char *path, const struct mea_checkpoint *c)
{
	struct stream s = {0};
	char *part;
	int rc = 0;

	if (asprintf(&part, "%s.tmp", path) < 0)
		return mea_nomem();
	sha256_init(&s.sha);
	s.f = fopen(part, "wb");
	if (!s.f) {
		rc = mea_fail(MEA_EIO, "%s: %s", part, strerror(errno));
		free(part);
		return rc;
	}
	put_all(&s, c);
	if (fflush(s.f) || fsync(fileno(s.f)))
		s.bad = true;
	if (fclose(s.f))
		s.bad = true;
	if (s.bad || rename(part, path)) {
		rc = mea_fail(MEA_EIO, "%s: cannot write the checkpoint: %s", path,
			      strerror(errno));
		unlink(part);
	} else {
		sync_folder(path);
	}
	free(part);
	return rc;
}

/* --- reading ---------------------------------------------------------------------- */

static int damaged(const char *path)
{
	return mea_fail(MEA_EINVAL, "%s: is damaged or no checkpoint", path);
}

/* The recipe must be c's. */
static int check_recipe(struct stream *s, const char *path, const struct mea_checkpoint *c)
{
	uint64_t n = 0;
	char *text;
	int rc = 0;

	get(s, &n, sizeof(n));
	if (s->bad || n > 4096)
		return damaged(path);
	text = calloc(n + 1, 1);
	if (!text)
		return mea_nomem();
	get(s, text, n);
	if (s->bad)
		rc = damaged(path);
	else if (strcmp(text, c->recipe))
		rc = mea_fail(MEA_EINVAL, "%s: is of another training: %s; not of: %s", path, text,
			      c->recipe);
	free(text);
	return rc;
}

static size_t momenta(const struct mea_params *p)
{
	return p->momenta ? mea_params_trained(p) : 0;
}

/* What the file has of a set. */
static size_t stored(const struct mea_params *p)
{
	return (p->average ? 2 : 1) * p->elements + momenta(p);
}

/* They come into room of their own, so that a damaged file changes nothing. */
static int get_bytes(struct stream *s, const char *path, size_t n, float **room)
{
	*room = malloc(n + 1);
	if (!*room)
		return mea_nomem();
	get(s, *room, n);
	return s->bad ? damaged(path) : 0;
}

static int get_set(struct stream *s, const char *path, const struct mea_params *p, float **room)
{
	uint64_t n = 0;

	get(s, &n, sizeof(n));
	if (s->bad || n != (p ? p->elements : 0))
		return damaged(path);
	return p ? get_bytes(s, path, stored(p) * sizeof(float), room) : 0;
}

static int get_all(struct stream *s, const char *path, struct mea_checkpoint *c,
		   float *room[MEA_CKPT_SETS + 1])
{
	uint8_t digest[SHA256_DIGEST_SIZE], want[SHA256_DIGEST_SIZE];
	char head[sizeof(magic)];
	struct mea_progress at;
	int rc;

	get(s, head, sizeof(head));
	if (s->bad || memcmp(head, magic, sizeof(head)))
		return damaged(path);
	rc = check_recipe(s, path, c);
	get(s, &at, sizeof(at));
	for (int i = 0; i < MEA_CKPT_SETS && !rc; i++)
		rc = get_set(s, path, c->sets[i], &room[i]);
	if (!rc)
		rc = get_bytes(s, path, c->extra_bytes, &room[MEA_CKPT_SETS]);
	if (rc)
		return rc;
	sha256_digest(&s->sha, sizeof(digest), digest);
	if (fread(want, 1, sizeof(want), s->f) != sizeof(want) ||
	    memcmp(want, digest, sizeof(want)) || fgetc(s->f) != EOF)
		return damaged(path);
	c->at = at;
	return 0;
}

static void take(struct mea_params *p, const float *room)
{
	memcpy(p->block, room, p->elements * sizeof(float));
	room += p->elements;
	if (p->momenta)
		memcpy(p->momenta, room, momenta(p) * sizeof(float));
	if (p->average)
		memcpy(p->average, room + momenta(p), p->elements * sizeof(float));
}

int mea_checkpoint_load(const char *path, struct mea_checkpoint *c)
{
	struct stream s = {.f = fopen(path, "rb")};
	float *room[MEA_CKPT_SETS + 1] = {0}; /* the last: extra */
	int rc;

	if (!s.f)
		return mea_fail(errno == ENOENT ? MEA_ENOENT : MEA_EIO, "%s: %s", path,
				strerror(errno));
	sha256_init(&s.sha);
	rc = get_all(&s, path, c, room);
	fclose(s.f);
	for (int i = 0; i < MEA_CKPT_SETS; i++) {
		if (!rc && c->sets[i])
			take(c->sets[i], room[i]);
		free(room[i]);
	}
	if (!rc && c->extra_bytes)
		memcpy(c->extra, room[MEA_CKPT_SETS], c->extra_bytes);
	free(room[MEA_CKPT_SETS]);
	return rc;
}

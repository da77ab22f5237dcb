// SPDX-License-Identifier: Apache-2.0
#include "serve/repository.h"

#include "base/error.h"
#include "meanet/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MODELS_MAX 256

struct entry {
	char name[128], version[24];
	char path[PATH_MAX];
	struct timespec changed; /* the file's, when it was loaded or tried */
	off_t size;
	struct mea_served *model; /* NULL: could not be loaded */
	char reason[256];
};

struct mea_repository {
	char *source;
	struct mea_served_options opt;
	struct mea_pool *pool;
	void (*note)(const char *text);
	pthread_mutex_t lock; /* guards entries; only a reload changes them */
	struct entry *entries;
	int n;
};

/* What a look at the source found. */
struct found {
	struct entry *entries;
	int n;
};

/* --- looking ----------------------------------------------------------------------- */

static int add(struct found *f, const char *name, const char *version, const char *path)
{
	struct entry *e = &f->entries[f->n];
	struct stat st;

	/* Loading tells why a file is not there: in a repository that costs it alone. */
	if (stat(path, &st))
		memset(&st, 0, sizeof(st));
	if (f->n == MODELS_MAX)
		return mea_fail(MEA_EUNSUPPORTED, "%s: more than %d models", path, MODELS_MAX);
	if (strlen(name) >= sizeof(e->name) || strlen(version) >= sizeof(e->version) ||
	    strlen(path) >= sizeof(e->path))
		return mea_fail(MEA_EUNSUPPORTED, "%s: the name is too long", path);
	memset(e, 0, sizeof(*e));
	strcpy(e->name, name);
	strcpy(e->version, version);
	strcpy(e->path, path);
	e->changed = st.st_mtim;
	e->size = st.st_size;
	f->n++;
	return 0;
}

static int add_bundle(struct found *f, const char *dir)
{
	struct mea_bundle *b;
	char *path;
	int rc = mea_bundle_load(dir, &b);

	if (rc)
		return rc;
	rc = mea_bundle_path(b, MEA_NET_CLOUD, MEA_FLOAT, &path);
	if (rc == MEA_ENOENT)
		mea_fail(rc, "%s: the bundle has no cloud model", dir);
	if (!rc) {
		rc = add(f, b->name, "1", path);
		free(path);
	}
	mea_bundle_free(b);
	return rc;
}

static int add_file(struct found *f, const char *path)
{
	const char *slash = strrchr(path, '/'), *dot;
	char name[128];

	slash = slash ? slash + 1 : path;
	dot = strrchr(slash, '.');
	snprintf(name, sizeof(name), "%.*s",
		 dot && dot > slash ? (int)(dot - slash) : (int)strlen(slash), slash);
	return add(f, name, "1", path);
}

static bool is_version(const char *name)
{
	return *name && strlen(name) < 20 && strspn(name, "0123456789") == strlen(name);
}

/* The versions of one model of a repository. */
static int add_versions(struct found *f, const char *source, const char *name)
{
	char dir[PATH_MAX], path[PATH_MAX + 300];
	struct dirent *v;
	int rc = 0;
	DIR *d;

	if (snprintf(dir, sizeof(dir), "%s/%s", source, name) >= (int)sizeof(dir))
		return mea_fail(MEA_EUNSUPPORTED, "%s/%s: the name is too long", source, name);
	d = opendir(dir);
	while (d && !rc && (v = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s/model.onnx", dir, v->d_name);
		if (is_version(v->d_name))
			rc = add(f, name, v->d_name, path);
	}
	if (d)
		closedir(d);
	return rc;
}

static int add_folder(struct found *f, const char *source)
{
	DIR *d = opendir(source);
	struct dirent *m;
	int rc = 0;

	if (!d)
		return mea_fail(MEA_ENOENT, "%s: %s", source, strerror(errno));
	while (!rc && (m = readdir(d)))
		if (m->d_name[0] != '.')
			rc = add_versions(f, source, m->d_name);
	closedir(d);
	return rc;
}

static int look(const char *source, struct found *f)
{
	char bundle[PATH_MAX];
	struct stat st;

	snprintf(bundle, sizeof(bundle), "%s/bundle.json", source);
	if (stat(source, &st))
		return mea_fail(MEA_ENOENT, "%s: %s", source, strerror(errno));
	if (S_ISREG(st.st_mode))
		return add_file(f, source);
	if (!stat(bundle, &st))
		return add_bundle(f, source);
	return add_folder(f, source);
}

/* --- loading ------------------------------------------------------------------------ */

static struct entry *twin(const struct mea_repository *r, const struct entry *e)
{
	for (int i = 0; i < r->n; i++)
		if (!strcmp(r->entries[i].name, e->name) &&
		    !strcmp(r->entries[i].version, e->version))
			return &r->entries[i];
	return NULL;
}

static bool unchanged(const struct entry *a, const struct entry *b)
{
	return a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec && !strcmp(a->path, b->path);
}

static void tell_engine(const struct mea_repository *r, const struct entry *e)
{
	const char *slow, *engine = mea_served_engine(e->model, &slow);
	char text[512];

	if (!r->note)
		return;
	snprintf(text, sizeof(text), "%s version %s: computed by %s%s%s", e->name, e->version,
		 engine, *slow ? ", which is slow: " : "", slow);
	r->note(text);
}

/* Gives a found entry its model: the one that is there, or a new one. */
static int load(struct mea_repository *r, struct entry *e)
{
	struct entry *old = twin(r, e);
	int rc;

	if (old && old->model && unchanged(old, e)) {
		e->model = mea_served_get(old->model);
		return 0;
	}
	rc = mea_served_open(e->name, e->version, e->path, &r->opt, r->pool, &e->model);
	if (!rc) {
		tell_engine(r, e);
		return 0;
	}
	snprintf(e->reason, sizeof(e->reason), "%s", mea_errmsg());
	if (r->note)
		r->note(e->reason);
	/* The next look must try again even if the file stays as it is. */
	if (old && old->model) {
		e->model = mea_served_get(old->model);
		e->size = -1;
	}
	return rc;
}

static int newest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int by_name = strcmp(x->name, y->name);
	unsigned long long vx = strtoull(x->version, NULL, 10), vy = strtoull(y->version, NULL, 10);

	return by_name ? by_name : vx > vy ? -1 : vx < vy;
}

static void free_entries(struct entry *entries, int n)
{
	for (int i = 0; i < n; i++)
		mea_served_put(entries[i].model);
	free(entries);
}

int mea_repository_reload(struct mea_repository *r)
{
	struct found f = {.entries = calloc(MODELS_MAX + 1, sizeof(*f.entries))};
	struct entry *old;
	int n, rc, first = 0;

	if (!f.entries)
		return mea_nomem();
	rc = look(r->source, &f);
	if (rc) {
		free(f.entries);
		return rc;
	}
	for (int i = 0; i < f.n; i++) {
		rc = load(r, &f.entries[i]);
		first = first ? first : rc;
	}
	qsort(f.entries, (size_t)f.n, sizeof(*f.entries), newest_first);
	pthread_mutex_lock(&r->lock);
	old = r->entries;
	n = r->n;
	r->entries = f.entries;
	r->n = f.n;
	pthread_mutex_unlock(&r->lock);
	free_entries(old, n);
	return first;
}

int mea_repository_open(const char *source, const struct mea_served_options *opt, int threads,
			void (*note)(const char *text), struct mea_repository **out)
{
	struct mea_repository *r = calloc(1, sizeof(*r));
	int rc, usable = 0;

	*out = NULL;
	if (!r)
		return mea_nomem();
	pthread_mutex_init(&r->lock, NULL);
	r->opt = *opt;
	r->note = note;
	rc = mea_bundle_find(source, &r->source);
	if (!rc)
		rc = mea_pool_start(threads, &mea_served_pool_ops, &r->pool);
	if (!rc)
		rc = mea_repository_reload(r);
	for (int i = 0; i < r->n; i++)
		usable += r->entries[i].model != NULL;
	if (!rc && !r->n)
		rc = mea_fail(MEA_ENOENT, "%s: holds no NAME/VERSION/model.onnx", source);
	if (rc && !usable) {
		mea_repository_close(r);
		return rc;
	}
	*out = r;
	return 0;
}

void mea_repository_close(struct mea_repository *r)
{
	if (!r)
		return;
	free_entries(r->entries, r->n);
	mea_pool_stop(r->pool);
	pthread_mutex_destroy(&r->lock);
	free(r->source);
	free(r);
}

/* --- asking ------------------------------------------------------------------------- */

struct mea_served *mea_repository_find(struct mea_repository *r, const char *name,
				       const char *version)
{
	struct mea_served *m = NULL;
	bool known = false;

	pthread_mutex_lock(&r->lock);
	for (int i = 0; i < r->n && !m; i++) {
		struct entry *e = &r->entries[i];

		if (strcmp(e->name, name))
			continue;
		known = true;
		if (e->model && (!version || !strcmp(e->version, version)))
			m = mea_served_get(e->model);
	}
	pthread_mutex_unlock(&r->lock);
	if (!m && known && version)
		mea_fail(MEA_ENOENT, "model '%.80s' has no version %.24s here", name, version);
	else if (!m)
		mea_fail(MEA_ENOENT, "no model '%.80s' here", name);
	return m;
}

json_t *mea_repository_versions(struct mea_repository *r, const char *name)
{
	json_t *list = json_array();

	pthread_mutex_lock(&r->lock);
	for (int i = r->n - 1; i >= 0; i--)
		if (!strcmp(r->entries[i].name, name) && r->entries[i].model)
			json_array_append_new(list, json_string(r->entries[i].version));
	pthread_mutex_unlock(&r->lock);
	return list;
}

void mea_repository_each(struct mea_repository *r, void (*visit)(struct mea_served *m, void *ctx),
			 void *ctx)
{
	struct mea_served **models;
	int n = 0;

	pthread_mutex_lock(&r->lock);
	models = calloc((size_t)r->n + 1, sizeof(struct mea_served *));
	for (int i = 0; models && i < r->n; i++)
		if (r->entries[i].model)
			models[n++] = mea_served_get(r->entries[i].model);
	pthread_mutex_unlock(&r->lock);
	for (int i = 0; i < n; i++) {
		visit(models[i], ctx);
		mea_served_put(models[i]);
	}
	free(models);
}

json_t *mea_repository_index(struct mea_repository *r)
{
	json_t *list = json_array();

	pthread_mutex_lock(&r->lock);
	for (int i = 0; i < r->n; i++) {
		const struct entry *e = &r->entries[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "name", e->name,
						      "version", e->version, "state",
						      e->model ? "READY" : "UNAVAILABLE", "reason",
						      e->reason));
	}
	pthread_mutex_unlock(&r->lock);
	return list;
}

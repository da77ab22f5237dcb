// SPDX-License-Identifier: Apache-2.0
/* Pictures whose labels are texts, and the CSV files that give such. */
#include "source.h"

#include "base/array.h"
#include "base/error.h"
#include "base/note.h"
#include "mea/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MOST    8192
#define CLASSES_MOST 65536

int mea_labelled_add(struct mea_labelled *l, const char *path, int name)
{
	int rc = mea_grow(&l->items, l->n, 1, sizeof(*l->items));

	if (rc)
		return rc;
	l->items[l->n].path = strdup(path);
	l->items[l->n].name = name;
	if (!l->items[l->n].path)
		return mea_nomem();
	l->n++;
	return 0;
}

void mea_labelled_free(struct mea_labelled *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].path);
	free(l->items);
	mea_names_free(&l->names);
	memset(l, 0, sizeof(*l));
}

/* --- from texts to numbers ------------------------------------------------------------------- */

/* Classes by name, to be searched in. */
struct class
{
	const char *name;
	int number;
};

static int by_name(const void *a, const void *b)
{
	const struct class *p = a, *q = b;

	return strcmp(p->name, q->name);
}

/* The classes of the bundle, or else of the paths before; NULL: there are none so far. */
static const char *const *known_classes(const struct mea_data *d, int *n)
{
	*n = d->want.classes ? d->want.n_classes : d->names.n;
	return d->want.classes ? d->want.classes : (const char *const *)d->names.name;
}

/* number[i] of names->name[i], -1 if it is no class; how many are. */
static int find_classes(const struct mea_names *names, const char *const *classes, int n,
			int *number, int *found)
{
	struct class *sorted = calloc((size_t)n, sizeof(*sorted));

	*found = 0;
	if (!sorted)
		return mea_nomem();
	for (int i = 0; i < n; i++)
		sorted[i] = (struct class){classes[i], i};
	qsort(sorted, (size_t)n, sizeof(*sorted), by_name);
	for (int i = 0; i < names->n; i++) {
		struct class key = {names->name[i], 0},
			     *c = bsearch(&key, sorted, (size_t)n, sizeof(*sorted), by_name);

		number[i] = c ? c->number : -1;
		*found += c != NULL;
	}
	free(sorted);
	return 0;
}

static int refuse_name(const char *from, const char *name, const char *const *classes, int n)
{
	return mea_fail(MEA_EINVAL,
			"%s: '%s' is no class: those are '%s'%s%s%s, and their number is %d", from,
			name, classes[0], n > 1 ? ", '" : "", n > 1 ? classes[1] : "",
			n > 2	? "', …"
			: n > 1 ? "'"
				: "",
			n);
}

/* A class may be called by its number where it is no name; -1: it is none. */
static int number_of(const char *text, int n)
{
	char *end;
	long v = strtol(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && v < n ? (int)v : -1;
}

static int number_names(const struct mea_data *d, const struct mea_names *names, const char *from,
			int *number)
{
	int n, found, rc;
	const char *const *classes = known_classes(d, &n);

	rc = find_classes(names, classes, n, number, &found);
	/* torchvision's ImageFolder numbers folders so. */
	if (!rc && !found && names->n == n && number_of(names->name[0], n) < 0) {
		mea_note("%s: none of its classes is called as one of the bundle: '%s' counts as "
			 "'%s', and so on, in the order of their names",
			 from, names->name[0], classes[0]);
		for (int i = 0; i < n; i++)
			number[i] = i;
		return 0;
	}
	for (int i = 0; i < names->n && !rc; i++) {
		if (number[i] < 0)
			number[i] = number_of(names->name[i], n);
		if (number[i] < 0)
			rc = refuse_name(from, names->name[i], classes, n);
	}
	return rc;
}

int mea_data_know_classes(struct mea_data *d, const char *const *classes, int n)
{
	int known;

	known_classes(d, &known);
	if (d->names.n || !n)
		return 0;
	if (known) {
		classes = d->want.classes;
		n = known;
	}
	d->names.name = calloc((size_t)n, sizeof(*d->names.name));
	if (!d->names.name)
		return mea_nomem();
	for (; d->names.n < n; d->names.n++) {
		d->names.name[d->names.n] = strdup(classes[d->names.n]);
		if (!d->names.name[d->names.n])
			return mea_nomem();
	}
	return 0;
}

int mea_data_add_labelled(struct mea_data *d, const struct mea_labelled *l, const char *from)
{
	int *number, rc;

	if (!l->n)
		return mea_fail(MEA_EINVAL, "%s: has no picture", from);
	if (d->classes && !d->names.n)
		return mea_fail(MEA_EINVAL, "%s: its classes have names, those before it have none",
				from);
	rc = mea_data_know_classes(d, (const char *const *)l->names.name, l->names.n);
	if (rc)
		return rc;
	d->classes = d->names.n;
	number = calloc((size_t)l->names.n, sizeof(*number));
	rc = number ? number_names(d, &l->names, from, number) : mea_nomem();
	for (size_t i = 0; i < l->n && !rc; i++)
		rc = mea_data_add_picture(d, l->items[i].path, number[l->items[i].name]);
	free(number);
	return rc;
}

/* --- CSV ------------------------------------------------------------------------------------- */

/* Cuts the next field off *rest, as RFC 4180 has them; NULL: there is none, or a quote is open. */
static char *next_field(char **rest)
{
	char *from = *rest, *to = from, *field = from;
	bool quoted;

	if (!from)
		return NULL;
	quoted = *from == '"';
	from += quoted;
	while (*from && (quoted || *from != ',')) {
		if (quoted && *from == '"') {
			if (from[1] != '"')
				break;
			from++;
		}
		*to++ = *from++;
	}
	if (quoted && *from++ != '"')
		return NULL;
	if (*from && *from != ',')
		return NULL;
	*rest = *from ? from + 1 : NULL;
	*to = 0;
	return field;
}

struct csv {
	const char *path;
	char **labels; /* of the items */
	struct mea_labelled l;
};

static int add_row(struct csv *c, char *line, int at)
{
	char *rest = line, *file = next_field(&rest), *label = file ? next_field(&rest) : NULL;
	const char *slash = strrchr(c->path, '/');
	char picture[2 * LINE_MOST];
	int rc;

	if (!label || !*label || !*file || rest)
		return mea_fail(MEA_EINVAL, "%s: line %d is no FILE,CLASS", c->path, at);
	if (snprintf(picture, sizeof(picture), "%.*s%s",
		     *file == '/' || !slash ? 0 : (int)(slash - c->path) + 1, c->path,
		     file) >= (int)sizeof(picture))
		return mea_fail(MEA_EINVAL, "%s: line %d: the path is too long", c->path, at);
	/* The first line may name the columns. */
	if (at == 1 && access(picture, F_OK))
		return 0;
	rc = mea_grow(&c->labels, c->l.n, 1, sizeof(*c->labels));
	if (rc)
		return rc;
	c->labels[c->l.n] = strdup(label);
	if (!c->labels[c->l.n])
		return mea_nomem();
	rc = mea_labelled_add(&c->l, picture, 0);
	if (rc)
		free(c->labels[c->l.n]);
	return rc;
}

static int read_rows(struct csv *c, FILE *f)
{
	char line[LINE_MOST], *text;
	int rc = 0;

	for (int at = 1; !rc && fgets(line, sizeof(line), f); at++) {
		size_t n = strlen(line);

		if (n == sizeof(line) - 1 && line[n - 1] != '\n')
			return mea_fail(MEA_EINVAL, "%s: line %d is too long", c->path, at);
		text = line_text(line, at == 1);
		if (*text)
			rc = add_row(c, text, at);
	}
	if (!rc && ferror(f))
		rc = mea_fail(MEA_EIO, "%s: cannot be read", c->path);
	return rc;
}

static int by_text(const void *a, const void *b)
{
	char *const *p = a, *const *q = b;

	return strcmp(*p, *q);
}

/* The names are the labels, each once, in their order. */
static int name_labels(struct csv *c)
{
	struct mea_names *names = &c->l.names;

	if (!c->l.n)
		return 0;
	names->name = calloc(c->l.n, sizeof(*names->name));
	if (!names->name)
		return mea_nomem();
	memcpy(names->name, c->labels, c->l.n * sizeof(*names->name));
	qsort(names->name, c->l.n, sizeof(*names->name), by_text);
	for (size_t i = 0; i < c->l.n; i++)
		if (!names->n || strcmp(names->name[names->n - 1], names->name[i]))
			names->name[names->n++] = names->name[i];
	if (names->n > CLASSES_MOST)
		return mea_fail(MEA_EINVAL, "%s: more than %d classes", c->path, CLASSES_MOST);
	for (size_t i = 0; i < c->l.n; i++) {
		char **at = bsearch(&c->labels[i], names->name, (size_t)names->n,
				    sizeof(*names->name), by_text);

		c->l.items[i].name = (int)(at - names->name);
	}
	return 0;
}

int mea_data_add_csv(struct mea_data *d, const char *path)
{
	struct csv c = {.path = path};
	FILE *f = fopen(path, "r");
	int rc;

	if (!f)
		return mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	rc = read_rows(&c, f);
	fclose(f);
	if (!rc)
		rc = name_labels(&c);
	if (!rc)
		rc = mea_data_add_labelled(d, &c.l, path);
	for (size_t i = 0; i < c.l.n; i++)
		free(c.labels[i]);
	free(c.labels);
	/* The texts were the labels'. */
	free(c.l.names.name);
	c.l.names = (struct mea_names){0};
	mea_labelled_free(&c.l);
	return rc;
}

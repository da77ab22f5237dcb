// SPDX-License-Identifier: Apache-2.0
#include "registry.h"

#include "backend/split/split.h"
#include "base/error.h"
#include "base/note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mea_backend_ops *const builtin[] = {
	&mea_backend_accel,
	&mea_backend_opencl,
	&mea_backend_ref,
	NULL,
};

const struct mea_backend_ops *mea_backend_builtin(int i)
{
	int n = (int)(sizeof(builtin) / sizeof(builtin[0])) - 1;

	return i >= 0 && i < n ? builtin[i] : NULL;
}

static int unknown(const char *name)
{
	char known[128] = "";

	for (int i = 0; builtin[i]; i++)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			 i ? ", " : "", builtin[i]->name);
	return mea_fail(MEA_ENOENT, "no backend is called '%.40s'; there are: %s", name, known);
}

static int parse_one(char *item, struct mea_choice *c)
{
	char *device = strchr(item, ':');

	if (device)
		*device++ = 0;
	for (int i = 0; builtin[i]; i++)
		if (!strcmp(builtin[i]->name, item))
			c->ops = builtin[i];
	if (!c->ops)
		return unknown(item);
	if (device && strlen(device) >= sizeof(c->device))
		return mea_fail(MEA_EINVAL, "backend %s: the name of its device is too long", item);
	snprintf(c->device, sizeof(c->device), "%s", device ? device : "");
	return 0;
}

static int parse_list(const char *list, struct mea_choice out[MEA_CHOICES_MAX])
{
	char *copy = strdup(list), *rest = copy, *item;
	int n = 0, rc = 0;

	if (!copy)
		return mea_nomem();
	while (!rc && (item = strsep(&rest, ","))) {
		if (n == MEA_CHOICES_MAX)
			rc = mea_fail(MEA_EINVAL, "more than %d backends in a list",
				      MEA_CHOICES_MAX);
		else
			rc = parse_one(item, &out[n++]);
	}
	free(copy);
	return rc ? rc : n;
}

static int set_device(const char *device, struct mea_choice *c, int n)
{
	bool found = false;

	for (int i = 0; i < n; i++) {
		if (strcmp(c[i].ops->name, "accel"))
			continue;
		found = true;
		if (strlen(device) >= sizeof(c->device))
			return mea_fail(MEA_EINVAL, "the name of the device is too long");
		if (c[i].device[0])
			continue;
		strcpy(c[i].device, device);
		c[i].required = true;
	}
	if (!found)
		return mea_fail(MEA_EINVAL,
				"device '%.40s' belongs to backend accel, which is not in the list",
				device);
	return 0;
}

int mea_choices_parse(const char *list, const char *device, struct mea_choice out[MEA_CHOICES_MAX])
{
	int n = 0, rc = 0;

	memset(out, 0, MEA_CHOICES_MAX * sizeof(*out));
	if (list) {
		n = parse_list(list, out);
	} else {
		for (; builtin[n]; n++)
			out[n].ops = builtin[n];
	}
	if (n > 0 && device && strcmp(device, "auto"))
		rc = set_device(device, out, n);
	return rc ? rc : n;
}

const char *mea_backend_refusal(struct mea_backend *b, struct mea_backend *help,
				const struct mea_qnet *net, char *text, size_t size)
{
	for (int i = 0; i < net->n_layers; i++) {
		const struct mea_qlayer *l = &net->layers[i];
		const char *why = b->ops->refuses(b, net, l);

		if (why && (!help || help->ops->refuses(help, net, l))) {
			snprintf(text, size, "layer %s: %s", net->layers[i].name, why);
			return text;
		}
	}
	return NULL;
}

const char *mea_backend_name(const struct mea_backend *b, const struct mea_backend *help)
{
	static const char *const pairs[] = {"accel+opencl", "accel+ref", "opencl+accel",
					    "opencl+ref"};
	char name[32];

	if (!help)
		return b->ops->name;
	snprintf(name, sizeof(name), "%s+%s", b->ops->name, help->ops->name);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (!strcmp(pairs[i], name))
			return pairs[i];
	return b->ops->name;
}

struct wish {
	const struct mea_qnet *const *nets;
	const char *const *names;
	int n;
};

/* Why backend and help do not take all networks, as "main: layer NAME: reason"; NULL: they do. */
static const char *refusal_of(const struct wish *w, struct mea_backend *b, struct mea_backend *help,
			      char *text, size_t size)
{
	char why[256];

	for (int i = 0; i < w->n; i++) {
		if (!mea_backend_refusal(b, help, w->nets[i], why, sizeof(why)))
			continue;
		snprintf(text, size, "%s%s%s", w->names ? w->names[i] : "", w->names ? ": " : "",
			 why);
		return text;
	}
	return NULL;
}

/* Finds a second backend among the n choices for what *b does not take; why says what that is. */
static int get_help(const struct mea_choice *choices, int n, const struct wish *w, const char *why,
		    struct mea_backend **b, const char **name)
{
	char unused[320];

	for (int i = 0; i < n; i++) {
		struct mea_backend *help;
		int rc;

		if (choices[i].ops->open(choices[i].device, &help))
			continue;
		if (refusal_of(w, *b, help, unused, sizeof(unused))) {
			choices[i].ops->close(help);
			continue;
		}
		*name = mea_backend_name(*b, help);
		mea_note("backend %s has the help of %s: %s", (*b)->ops->name, choices[i].ops->name,
			 why);
		rc = mea_split_open(*b, help, b);
		if (rc)
			choices[i].ops->close(help);
		return rc;
	}
	return mea_fail(MEA_EUNSUPPORTED, "%s", why);
}

static int prepare_all(const struct wish *w, struct mea_backend *b, struct mea_exec **exec)
{
	int rc = 0, n = 0;

	while (n < w->n && !rc) {
		rc = b->ops->prepare(b, w->nets[n], &exec[n]);
		n += !rc;
	}
	if (!rc)
		return 0;
	if (w->names)
		mea_fail_in(rc, "%s", w->names[n]);
	while (n--) {
		b->ops->release(exec[n]);
		exec[n] = NULL;
	}
	return rc;
}

/* Prepares the networks on *b, or on *b with help. */
static int prepare_with_help(const struct mea_choice *choices, int n, const struct wish *w,
			     struct mea_backend **b, struct mea_exec **exec, const char **name)
{
	char why[320];
	int rc;

	if (!refusal_of(w, *b, NULL, why, sizeof(why))) {
		rc = prepare_all(w, *b, exec);
		if (rc != MEA_EUNSUPPORTED)
			return rc;
		snprintf(why, sizeof(why), "%s", mea_errmsg());
	}
	rc = get_help(choices, n, w, why, b, name);
	return rc ? rc : prepare_all(w, *b, exec);
}

int mea_choices_prepare(const struct mea_choice *choices, int n, const struct mea_qnet *const *nets,
			const char *const *names, int n_nets, struct mea_backend **out,
			struct mea_exec **exec, const char **name)
{
	const struct wish w = {nets, names, n_nets};
	struct mea_backend *b = NULL;
	int rc = choices[0].ops->open(choices[0].device, &b);

	*out = NULL;
	*name = choices[0].ops->name;
	if (!rc)
		rc = prepare_with_help(choices + 1, n - 1, &w, &b, exec, name);
	if (rc && b)
		b->ops->close(b);
	if (!rc)
		*out = b;
	return rc;
}

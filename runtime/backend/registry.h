/* SPDX-License-Identifier: Apache-2.0 */
/* Which backends are built in, and what a list such as "accel:sim,ref" means. */
#ifndef MEA_REGISTRY_H
#define MEA_REGISTRY_H

#include "backend/backend.h"

#define MEA_CHOICES_MAX 8

struct mea_choice {
	const struct mea_backend_ops *ops;
	char device[64]; /* "": the backend's own choice */
	bool required;	 /* no later choice may take its place when a session opens */
};

/* Backend number i in the default order; NULL behind the last. */
const struct mea_backend_ops *mea_backend_builtin(int i);

/*
 * Parses a list NAME[:DEVICE][,...]; NULL means all that are built in. device
 * (NULL or "auto": none) is that of backend accel where the list gives it none, and then
 * required: who names one device does not want the figures of another.
 * Returns how many choices were filled in, or a negative error.
 */
int mea_choices_parse(const char *list, const char *device, struct mea_choice out[MEA_CHOICES_MAX]);

/* NULL when b, or help (NULL: there is none) where b refuses, takes every layer of net, else why
 * not, as "layer NAME: reason" in text: b's reason. */
const char *mea_backend_refusal(struct mea_backend *b, struct mea_backend *help,
				const struct mea_qnet *net, char *text, size_t size);

/*
 * Opens the first of n choices and prepares n_nets networks on it; with the help of the first later
 * one that takes the rest, which a note tells, where it refuses a layer or has no plan for what it
 * takes. names (NULL: none) tell the networks apart in messages. The caller releases exec[] and
 * closes *out. *name is as mea_backend_name().
 */
int mea_choices_prepare(const struct mea_choice *choices, int n, const struct mea_qnet *const *nets,
			const char *const *names, int n_nets, struct mea_backend **out,
			struct mea_exec **exec, const char **name);

/* "accel+opencl" for a backend with help, b's name without. The text is constant. */
const char *mea_backend_name(const struct mea_backend *b, const struct mea_backend *help);

#endif

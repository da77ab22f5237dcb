/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The models of a server, by name and version. The source is a bundle (its cloud model,
 * named as the bundle), an ONNX file (named as the file), or a folder laid out
 * NAME/VERSION/model.onnx as Triton has it.
 */
#ifndef MEA_CLOUD_REPOSITORY_H
#define MEA_CLOUD_REPOSITORY_H

#include "serve/served.h"

struct mea_repository;

/* All models are computed by that many threads. note: told of models that cannot be loaded; may be
 * NULL. */
int mea_repository_open(const char *source, const struct mea_served_options *opt, int threads,
			void (*note)(const char *text), struct mea_repository **out);
void mea_repository_close(struct mea_repository *r);

/*
 * Looks at the source again: loads what is new or changed, drops what is gone. A
 * changed model that cannot be loaded leaves the old one in place. Requests go on
 * meanwhile. One caller at a time. Returns 0, or the first failure's error.
 */
int mea_repository_reload(struct mea_repository *r);

/* The model of that name and version (NULL: the highest) with a reference, or NULL
 * and MEA_ENOENT's sentence. */
struct mea_served *mea_repository_find(struct mea_repository *r, const char *name,
				       const char *version);

/* The versions of a model as a list of texts, a new reference; NULL: no such model. */
json_t *mea_repository_versions(struct mea_repository *r, const char *name);

/* Calls visit for each model with a reference held. */
void mea_repository_each(struct mea_repository *r, void (*visit)(struct mea_served *m, void *ctx),
			 void *ctx);

/* Triton's repository index: a list of name, version, state, reason. */
json_t *mea_repository_index(struct mea_repository *r);

#endif

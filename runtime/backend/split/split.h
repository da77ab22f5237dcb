/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two backends as one: layers that the first refuses run on the second. Networks are cut into
 * runs (cut.h); a tensor that crosses is copied once through host memory, one that stays on its
 * side is not copied.
 */
#ifndef MEA_SPLIT_H
#define MEA_SPLIT_H

#include "backend/backend.h"

/* Both are open; the new backend closes them. On failure they stay the caller's. */
int mea_split_open(struct mea_backend *first, struct mea_backend *second, struct mea_backend **out);

/* The name of the backend that computes a layer of e's network, whatever backend e is of. */
const char *mea_split_where(const struct mea_exec *e, int layer);

/* How many layers of e's network run on the second backend; e is of a split backend. */
int mea_split_moved(const struct mea_exec *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing a bundle: all of a change or nothing of it. New files are written beside the old ones,
 * the description is checked against them, and only then they take their places. One process at
 * a time changes a bundle: a lock on its folder is held from begin to end.
 */
#ifndef MEA_BUNDLE_EDIT_H
#define MEA_BUNDLE_EDIT_H

#include "meanet/bundle.h"

struct mea_bundle_edit {
	char *dir;
	json_t *doc; /* bundle.json to be: as it is now, or an empty object */
	int lock;
	char *staged[MEA_NETS][MEA_VARIANTS]; /* paths of the new files */
};

/* Begins a change of the bundle in folder dir, which must exist. Waits for another process that
 * is changing it, at most a minute: MEA_ETIMEDOUT. */
int mea_bundle_edit_begin(const char *dir, struct mea_bundle_edit **out);

/* Where to write a new file for a network: *path belongs to e. */
int mea_bundle_edit_path(struct mea_bundle_edit *e, enum mea_net net, enum mea_variant v,
			 const char **path);

/* Enters what was written there in e->doc. A new float file drops the entry of the int8 one. */
int mea_bundle_edit_enter(struct mea_bundle_edit *e, enum mea_net net, enum mea_variant v);

/* The bundle as it will be, its new files under the names that they have now. */
int mea_bundle_edit_check(const struct mea_bundle_edit *e, struct mea_bundle **out);

/* MEA_EINVAL when a network of the bundle is another than b says, from which the change was made.
 */
int mea_bundle_edit_same(const struct mea_bundle_edit *e, const struct mea_bundle *b);

/* Checks the description and puts files and bundle.json in place. A document without networks
 * that a bundle needs ("format" is missing) is not written; its files are. */
int mea_bundle_edit_commit(struct mea_bundle_edit *e);

/* Ends the change; what was not committed goes. NULL is fine. */
void mea_bundle_edit_end(struct mea_bundle_edit *e);

#endif

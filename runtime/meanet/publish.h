/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters that a session shows to other processes of its user: one page of memory behind a file
 * descriptor whose link in /proc/PID/fd tells what it is. So `mea top` needs neither a server nor
 * a file that somebody would have to remove.
 */
#ifndef MEA_PUBLISH_H
#define MEA_PUBLISH_H

#include <stdatomic.h>

#include "mea.h"

#define MEA_PUBLISHED_LINK  "/memfd:mea-session"
#define MEA_PUBLISHED_MAGIC 0x31706f742d61656dull /* "mea-top1" */

struct mea_published {
	uint64_t magic;
	char bundle[64];
	_Atomic uint64_t images[MEA_EXITS]; /* answered, by exit */
	_Atomic uint64_t failed;
	_Atomic uint64_t macs, cycles, bytes_up, bytes_down;
};

/* The page, or NULL where there can be none: it is not worth a failure. fd is its descriptor. */
struct mea_published *mea_publish(const char *bundle, int *fd);
void mea_unpublish(struct mea_published *p, int fd);

/* Counts a finished image. p may be NULL. */
void mea_publish_add(struct mea_published *p, const struct mea_result *r);

#endif

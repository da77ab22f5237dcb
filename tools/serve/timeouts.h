/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts off connections that take too long to say what they want. libmicrohttpd's own
 * limit starts anew with every byte, which a slow sender can use for ever.
 */
#ifndef MEA_CLOUD_TIMEOUTS_H
#define MEA_CLOUD_TIMEOUTS_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

struct mea_timeouts;

int mea_timeouts_start(struct mea_timeouts **out);
void mea_timeouts_stop(struct mea_timeouts *g);

/* A connection came: it must complete its next step within limit_s. Returns its handle, NULL
 * without memory. */
void *mea_timeouts_add(struct mea_timeouts *g, int fd, int limit_s);
/* It goes. */
void mea_timeouts_remove(struct mea_timeouts *g, void *handle);

/* The next step is due within limit_s; 0: nothing is due of the peer. */
void mea_timeouts_set(struct mea_timeouts *g, void *handle, int limit_s);

/* Connections now, and those that were cut off. */
void mea_timeouts_counts(struct mea_timeouts *g, uint64_t *now, uint64_t *cut);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that parses large bodies, so that the thread of all connections need not. */
#ifndef MEA_SERVE_READERS_H
#define MEA_SERVE_READERS_H

struct mea_exchange;
struct mea_readers;

/* read is called for each exchange, one after the other, in the order in which they came. */
int mea_readers_start(void (*read)(struct mea_exchange *x), struct mea_readers **out);
/* Nothing may be waiting; NULL is fine. */
void mea_readers_stop(struct mea_readers *r);
void mea_readers_add(struct mea_readers *r, struct mea_exchange *x);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* An event that poll() can wait for beside others: an eventfd. */
#ifndef MEA_EVENT_H
#define MEA_EVENT_H

#include <stdbool.h>

/* A new event, not set: a file descriptor that close() frees, -1 with errno on failure. */
int mea_event_new(void);
/* Makes fd readable, from any thread; nothing for -1. */
void mea_event_set(int fd);
void mea_event_clear(int fd);

/*
 * Waits until one of two descriptors is readable, at most ms (INFINITY: no limit), and clears
 * the event. Returns whether other is readable; other may be -1: there is none.
 */
bool mea_event_wait(int event, int other, double ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How libmea's own files report a failure; see mea.h for the contract. */
#ifndef MEA_ERROR_H
#define MEA_ERROR_H

#include "mea.h"

/* Sets this thread's message and returns code. */
__attribute__((format(printf, 2, 3))) int mea_fail(int code, const char *fmt, ...);

/* mea_fail() for an allocation that failed: returns MEA_ENOMEM. */
int mea_nomem(void);

/* Puts "prefix: " before this thread's message and returns code, so that each
 * layer adds what it knows (the file, then the node, then the field). */
__attribute__((format(printf, 2, 3))) int mea_fail_in(int code, const char *fmt, ...);

#endif

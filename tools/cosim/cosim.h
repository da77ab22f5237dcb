/* SPDX-License-Identifier: Apache-2.0 */
/* How mea-cosim speaks and ends. */
#ifndef MEA_COSIM_H
#define MEA_COSIM_H

#define COSIM_EXIT_ERROR 1 /* it could not do its work */
#define COSIM_EXIT_USAGE 2
#define COSIM_EXIT_ABORT 3 /* the device or the guest did what neither may ever do */

/* One line on standard error. */
void cosim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says why, and ends the process. */
void cosim_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void cosim_abort(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif

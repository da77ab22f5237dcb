/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of strangers (files, servers, other processes) on their way to a terminal. */
#ifndef MEA_TEXT_H
#define MEA_TEXT_H

#include <stddef.h>

/* Copies from to to, of size bytes, with control characters as \n, \t, \r or \xNN: those of
 * ASCII, and the C1 set in UTF-8, which terminals take as well. What does not fit is left
 * out; no escape is cut. */
void mea_text_show(char *to, size_t size, const char *from);

/* Writes the n bytes at from as 2 n lower-case hexadecimal digits and a 0. */
void mea_text_hex(char *to, const void *from, size_t n);

#endif

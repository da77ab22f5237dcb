/* SPDX-License-Identifier: Apache-2.0 */
/* What is worth knowing but no failure, from deep inside to whoever asked. */
#ifndef MEA_NOTE_H
#define MEA_NOTE_H

#include <stdbool.h>

/* Where this thread's notes go from now on; NULL: nowhere, as in a new thread. */
void mea_note_to(void (*note)(const char *text, void *ctx), void *ctx);

/* Drops this thread's notes while true, for work that repeats what was noted already. */
void mea_note_mute(bool mute);

__attribute__((format(printf, 1, 2))) void mea_note(const char *fmt, ...);

#endif

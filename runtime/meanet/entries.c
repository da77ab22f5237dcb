// SPDX-License-Identifier: Apache-2.0
/*
 * The quarantine. After three errors in a row, or at once when a device hangs or
 * vanishes, a backend rests; then one error sends it back for twice as long, and one
 * answer makes it whole. Who hung or vanished is opened anew.
 */
#include "session.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/note.h"

#include <stdarg.h>
#include <stdio.h>

#define MAX_ERRORS   3
#define PAUSE_MS     10000.0
#define PAUSE_MAX_MS 600000.0

__attribute__((format(printf, 2, 3))) static void note(struct mea_session *s, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!s->note)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->note(text, s->note_ctx);
}

static int open_entry(struct mea_session *s, struct entry *u)
{
	int rc;

	mea_note_to(s->note, s->note_ctx);
	rc = mea_prepared_open(&s->choices[u->number], s->n_entries - u->number, s->model, s->sets,
			       &u->prepared);
	mea_note_to(NULL, NULL);
	return rc;
}

static void rest(struct mea_session *s, struct entry *u)
{
	if (!(u->pause_ms > 0))
		u->pause_ms = PAUSE_MS;
	note(s, "backend %s is given up: %s; next try in %.0f s", s->choices[u->number].ops->name,
	     mea_errmsg(), u->pause_ms * 1e-3);
	snprintf(u->why, sizeof(u->why), "%s", mea_errmsg());
	u->resume_at = mea_now_ms() + u->pause_ms;
	u->pause_ms = 2 * u->pause_ms < PAUSE_MAX_MS ? 2 * u->pause_ms : PAUSE_MAX_MS;
}

/* The end of a quarantine; false when it goes on. */
static bool resume(struct mea_session *s, struct entry *u)
{
	if (mea_now_ms() < u->resume_at)
		return false;
	if (u->reopen) {
		/* Images that still hold buffer sets come first. */
		if (u->prepared && mea_prepared_taken(u->prepared) > u->lost)
			return false;
		mea_prepared_close(u->prepared);
		u->prepared = NULL;
		u->lost = 0;
		if (open_entry(s, u)) {
			rest(s, u);
			return false;
		}
		u->reopen = false;
	}
	u->errors = MAX_ERRORS - 1;
	u->resume_at = 0;
	u->probing = true;
	return true;
}

bool mea_entry_ready(struct mea_session *s, int i)
{
	struct entry *u = &s->entries[i];

	if (u->gone)
		return false;
	if (u->resume_at > 0)
		return resume(s, u);
	if (!u->prepared && open_entry(s, u)) {
		u->gone = true;
		note(s, "%s", mea_errmsg());
	}
	return !u->gone;
}

void mea_entry_failed(struct mea_session *s, int i, bool hung, int error)
{
	struct entry *u = &s->entries[i];

	u->errors++;
	u->lost += hung;
	u->reopen |= hung || error == MEA_ENODEV;
	if (!(u->resume_at > 0) && (u->reopen || u->errors >= MAX_ERRORS))
		rest(s, u);
}

void mea_entry_worked(struct mea_session *s, int i)
{
	struct entry *u = &s->entries[i];

	u->errors = 0;
	if (!u->probing)
		return;
	u->probing = false;
	u->pause_ms = PAUSE_MS;
	note(s, "backend %s works again", s->choices[u->number].ops->name);
}

void mea_entry_excuse(const struct mea_session *s, int i, struct mea_result *r)
{
	const struct entry *u = &s->entries[i];

	if (!(u->resume_at > 0) || r->fallback_from)
		return;
	r->fallback_from = s->choices[u->number].ops->name;
	snprintf(r->text, sizeof(r->text), "%s: in quarantine: %.120s",
		 s->choices[u->number].ops->name, u->why);
}

// SPDX-License-Identifier: Apache-2.0
#include "note.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "base/text.h"

static _Thread_local void (*sink)(const char *text, void *ctx);
static _Thread_local void *sink_ctx;
static _Thread_local bool muted;

void mea_note_to(void (*note)(const char *text, void *ctx), void *ctx)
{
	sink = note;
	sink_ctx = ctx;
}

void mea_note_mute(bool mute)
{
	muted = mute;
}

void mea_note(const char *fmt, ...)
{
	char text[512], shown[sizeof(text)];
	va_list ap;

	if (!sink || muted)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mea_text_show(shown, sizeof(shown), text);
	sink(shown, sink_ctx);
}

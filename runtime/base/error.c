// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static _Thread_local char message[512];

static const struct {
	int code;
	const char *name, *text;
} table[] = {
#define ROW(name, number, text) {-(number), #name, text},
	MEA_ERROR_MAP(ROW)
#undef ROW
};

const char *mea_version(void)
{
	return MEA_VERSION;
}

const char *mea_error_name(int code)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code)
			return table[i].name;
	return code == 0 ? "OK" : "UNKNOWN";
}

const char *mea_error_text(int code)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code)
			return table[i].text;
	return code == 0 ? "success" : "unknown error code";
}

const char *mea_errmsg(void)
{
	return message;
}

int mea_fail(int code, const char *fmt, ...)
{
	char text[sizeof(message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mea_text_show(message, sizeof(message), text);
	return code;
}

int mea_nomem(void)
{
	return mea_fail(MEA_ENOMEM, "out of memory");
}

int mea_fail_in(int code, const char *fmt, ...)
{
	char text[256], prefix[sizeof(text)], rest[sizeof(message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mea_text_show(prefix, sizeof(prefix), text);
	memcpy(rest, message, sizeof(rest));
	/* A longer chain than the buffer keeps its outermost names. */
	if (snprintf(message, sizeof(message), "%s: %s", prefix, rest) < 0)
		message[0] = 0;
	return code;
}

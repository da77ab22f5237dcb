// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[512];

static const struct {
	int code;
	const char *name, *text;
} table[] = {
#define ROW(name, number, text) {-(number), #name, text},
	MEA_ERROR_MAP(ROW)
#undef ROW
};

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
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	return code;
}

int mea_fail_in(int code, const char *fmt, ...)
{
	char prefix[256], rest[sizeof(message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	memcpy(rest, message, sizeof(rest));
	/* A longer chain than the buffer keeps its outermost names. */
	if (snprintf(message, sizeof(message), "%s: %s", prefix, rest) < 0)
		message[0] = 0;
	return code;
}

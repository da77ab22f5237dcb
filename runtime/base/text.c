// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <stdio.h>
#include <string.h>

void mea_text_show(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (const unsigned char *c = (const unsigned char *)from; *c; c++) {
		char piece[5] = {(char)*c};

		if (*c == '\n' || *c == '\t' || *c == '\r')
			snprintf(piece, sizeof(piece), "\\%c",
				 *c == '\n'   ? 'n'
				 : *c == '\t' ? 't'
					      : 'r');
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			snprintf(piece, sizeof(piece), "\\x%02x", *++c);
		else if (*c < 0x20 || *c == 0x7f)
			snprintf(piece, sizeof(piece), "\\x%02x", *c);
		if (n + strlen(piece) >= size)
			break;
		n += (size_t)snprintf(to + n, size - n, "%s", piece);
	}
	to[n] = 0;
}

void mea_text_hex(char *to, const void *from, size_t n)
{
	const unsigned char *byte = from;

	for (size_t i = 0; i < n; i++)
		snprintf(to + 2 * i, 3, "%02x", byte[i]);
}

// SPDX-License-Identifier: Apache-2.0
/* SHA-256 of a file, by nettle. */
#include "bundle.h"

#include "base/error.h"
#include "base/text.h"

#include <nettle/sha2.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

int mea_sha256_file(const char *path, char hex[MEA_SHA256_HEX])
{
	uint8_t block[16384], digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		return mea_fail(errno == ENOENT ? MEA_ENOENT : MEA_EIO, "%s: %s", path,
				strerror(errno));
	sha256_init(&ctx);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		sha256_update(&ctx, n, block);
	if (ferror(f)) {
		int err = errno;

		fclose(f);
		return mea_fail(MEA_EIO, "%s: %s", path, strerror(err));
	}
	fclose(f);
	sha256_digest(&ctx, sizeof(digest), digest);
	mea_text_hex(hex, digest, sizeof(digest));
	return 0;
}

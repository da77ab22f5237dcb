// SPDX-License-Identifier: Apache-2.0
/* The files that a bundle names, and writing its description. */
#include "bundle.h"

#include "base/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int join(const char *dir, const char *name, char **path)
{
	if (asprintf(path, "%s/%s", dir, name) >= 0)
		return 0;
	*path = NULL;
	return mea_nomem();
}

int mea_bundle_path(const struct mea_bundle *b, enum mea_net net, enum mea_variant v, char **path)
{
	const struct mea_bundle_file *f = &b->files[net][v];
	char sha[MEA_SHA256_HEX];
	int rc;

	*path = NULL;
	if (!f->name)
		return mea_fail(MEA_ENOENT, "%s/bundle.json: files.%s.%s: the bundle has none%s",
				b->dir, mea_net_name(net), mea_variant_name(v),
				v == MEA_INT8 ? "; `mea quantize` makes it" : "");
	rc = join(b->dir, f->name, path);
	if (!rc)
		rc = mea_sha256_file(*path, sha);
	if (!rc && strcmp(sha, f->sha256))
		rc = mea_fail(MEA_EINVAL,
			      "%s: its SHA-256 is not the one in bundle.json (files.%s.%s)", *path,
			      mea_net_name(net), mea_variant_name(v));
	if (rc) {
		free(*path);
		*path = NULL;
	}
	return rc;
}

int mea_bundle_save(const struct mea_bundle *b)
{
	char *path = NULL, *part = NULL;
	int rc = join(b->dir, "bundle.json", &path);
	FILE *f;
	bool bad;

	if (!rc)
		rc = join(b->dir, "bundle.json.tmp", &part);
	if (rc)
		goto out;
	f = fopen(part, "w");
	/* Nine digits bring any float32 back; 17 would print 0.1 as what it is. */
	bad = !f || json_dumpf(b->json, f, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) ||
	      fputc('\n', f) == EOF;
	if (f && fclose(f))
		bad = true;
	if (bad || rename(part, path)) {
		rc = mea_fail(MEA_EIO, "%s: cannot write: %s", path, strerror(errno));
		unlink(part);
	}
out:
	free(part);
	free(path);
	return rc;
}

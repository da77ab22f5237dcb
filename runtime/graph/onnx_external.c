// SPDX-License-Identifier: Apache-2.0
/* Tensors whose elements are in a file beside the model, as exporters keep large weights. */
#include "graph/onnx_io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* The text of one key of external_data, or NULL. */
static const char *entry(const Onnx__TensorProto *p, const char *key)
{
	for (size_t i = 0; i < p->n_external_data; i++)
		if (p->external_data[i]->key && !strcmp(p->external_data[i]->key, key))
			return p->external_data[i]->value;
	return NULL;
}

/* A number of bytes in decimal digits; *v keeps its value when there is none. */
static int bytes_of(const Onnx__TensorProto *p, const char *key, uint64_t *v)
{
	const char *text = entry(p, key);

	if (!text)
		return 0;
	if (!*text || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
		return mea_fail(MEA_EINVAL, "%s \"%.40s\" is not a number of bytes", key, text);
	*v = strtoull(text, NULL, 10);
	return 0;
}

/* Whether every part of location is a plain name: the path cannot climb, and can be printed. */
static bool is_below(const char *location)
{
	for (const char *c = location; *c; c++)
		if ((unsigned char)*c < 32 || *c == 127)
			return false;
	for (const char *part = location;; part += strcspn(part, "/") + 1) {
		size_t n = strcspn(part, "/");

		if (!n || (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (!part[n])
			return true;
	}
}

/* The real path of location in the folder of model, which no link may leave; the caller frees. */
static int resolve(const char *model, const char *location, char **real)
{
	char *copy = strdup(model), *folder = copy ? realpath(dirname(copy), NULL) : NULL;
	char *path = NULL;
	size_t n = folder ? strlen(folder) : 0;
	int rc = 0;

	*real = NULL;
	if (!folder || asprintf(&path, "%s/%s", folder, location) < 0) {
		rc = mea_nomem();
		goto out;
	}
	*real = realpath(path, NULL);
	if (!*real)
		rc = mea_fail(errno == ENOENT ? MEA_ENOENT : MEA_EIO, "%.200s: %s", location,
			      strerror(errno));
	else if (n > 1 && (strncmp(*real, folder, n) || (*real)[n] != '/'))
		rc = mea_fail(MEA_EINVAL, "%.200s: leads out of the model's folder", location);
out:
	free(path);
	free(folder);
	free(copy);
	return rc;
}

/* Reads size bytes at offset of the open file fd. */
static int read_at(int fd, const char *location, uint64_t offset, void *to, uint64_t size)
{
	struct stat st;
	uint64_t done = 0;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return mea_fail(MEA_EIO, "%.200s: not a regular file", location);
	if (offset > (uint64_t)st.st_size || size > (uint64_t)st.st_size - offset)
		return mea_fail(MEA_EINVAL,
				"%.200s: has %lld bytes, too few for %llu bytes at offset %llu",
				location, (long long)st.st_size, (unsigned long long)size,
				(unsigned long long)offset);
	while (done < size) {
		ssize_t n = pread(fd, (char *)to + done, size - done, (off_t)(offset + done));

		if (n <= 0)
			return mea_fail(MEA_EIO, "%.200s: could not be read to its end", location);
		done += (uint64_t)n;
	}
	return 0;
}

int mea_onnx_external(const Onnx__TensorProto *p, const char *model, void *to, size_t size)
{
	const char *location = entry(p, "location");
	uint64_t offset = 0, length = size;
	char *real = NULL;
	int rc, fd;

	if (!model)
		return mea_fail(MEA_EUNSUPPORTED,
				"external_data: this model must be in one file; save it so");
	rc = bytes_of(p, "offset", &offset);
	if (!rc)
		rc = bytes_of(p, "length", &length);
	if (!rc && length != size)
		rc = mea_fail(MEA_EINVAL, "length is %llu, the shape takes %zu",
			      (unsigned long long)length, size);
	if (!rc && (!location || !is_below(location)))
		rc = mea_fail(MEA_EINVAL, "location names no file below the model's folder");
	if (!rc)
		rc = resolve(model, location, &real);
	if (!rc) {
		/* A pipe must not hold the reader up. */
		fd = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		rc = fd < 0 ? mea_fail(MEA_EIO, "%.200s: %s", location, strerror(errno))
			    : read_at(fd, location, offset, to, size);
		if (fd >= 0)
			close(fd);
	}
	free(real);
	return rc ? mea_fail_in(rc, "external_data") : 0;
}

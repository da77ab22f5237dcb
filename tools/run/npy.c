// SPDX-License-Identifier: Apache-2.0
#include "npy.h"

#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC	     "\x93NUMPY"
#define HEADER_MAX   4096
#define ELEMENTS_MAX (1u << 27) /* 1 GiB of the largest */

static const struct {
	const char *descr, *name;
	size_t bytes;
} types[NPY_TYPES] = {
	{"|i1", "int8", 1}, {"|u1", "uint8", 1}, {"<f4", "float32", 4}, {"<f8", "float64", 8}};

const char *npy_type_name(enum npy_type type)
{
	return types[type].name;
}

void npy_free(struct npy *a)
{
	free(a->data);
	a->data = NULL;
}

/* What stands behind 'key': in the header, without blanks; NULL when it is not there. */
static const char *value_of(const char *header, const char *key)
{
	char quoted[32];
	const char *at;

	snprintf(quoted, sizeof(quoted), "'%s'", key);
	at = strstr(header, quoted);
	if (!at)
		return NULL;
	at += strlen(quoted);
	at += strspn(at, " ");
	if (*at++ != ':')
		return NULL;
	return at + strspn(at, " ");
}

static bool parse_type(const char *value, struct npy *a)
{
	for (int t = 0; value && t < NPY_TYPES; t++)
		if (value[0] == '\'' && !strncmp(value + 1, types[t].descr, 3) &&
		    value[4] == '\'') {
			a->type = (enum npy_type)t;
			return true;
		}
	return false;
}

/* "(1, 3, 32, 32)", "(10,)", "()". */
static bool parse_shape(const char *at, struct npy *a)
{
	a->rank = 0;
	a->n = 1;
	if (!at || *at++ != '(')
		return false;
	for (at += strspn(at, " "); *at != ')'; at += strspn(at, " ")) {
		char *end;
		unsigned long long v = isdigit((unsigned char)*at) ? strtoull(at, &end, 10) : 0;

		if (!isdigit((unsigned char)*at) || v > ELEMENTS_MAX || a->rank == NPY_RANK_MAX)
			return false;
		a->dim[a->rank++] = (size_t)v;
		a->n *= (size_t)v;
		if (a->n > ELEMENTS_MAX)
			return false;
		at = end + strspn(end, " ");
		if (*at != ',' && *at != ')')
			return false;
		at += *at == ',';
	}
	return true;
}

static int parse_header(const char *path, const char *header, struct npy *a)
{
	const char *order = value_of(header, "fortran_order");

	if (!parse_type(value_of(header, "descr"), a))
		return mea_fail(MEA_EUNSUPPORTED,
				"%s: elements are not int8, uint8, float32 or "
				"float64 of this machine's byte order",
				path);
	if (!order || strncmp(order, "False", 5))
		return mea_fail(MEA_EUNSUPPORTED, "%s: elements are not in C order", path);
	if (!parse_shape(value_of(header, "shape"), a))
		return mea_fail(MEA_EINVAL, "%s: its shape cannot be read, or is too large", path);
	return 0;
}

static int read_header(const char *path, FILE *f, char header[HEADER_MAX + 1])
{
	unsigned char start[12];
	size_t size;

	if (fread(start, 1, 8, f) != 8 || memcmp(start, MAGIC, 6))
		return mea_fail(MEA_EINVAL, "%s: is no .npy file", path);
	if (start[6] < 1 || start[6] > 3)
		return mea_fail(MEA_EUNSUPPORTED, "%s: version %d of the format", path, start[6]);
	size = start[6] == 1 ? 2 : 4;
	if (fread(start + 8, 1, size, f) != size)
		return mea_fail(MEA_EINVAL, "%s: ends in its header", path);
	size = size == 2 ? start[8] | (size_t)start[9] << 8
			 : start[8] | (size_t)start[9] << 8 | (size_t)start[10] << 16 |
				   (size_t)start[11] << 24;
	if (size > HEADER_MAX)
		return mea_fail(MEA_EINVAL, "%s: has a header of %zu bytes", path, size);
	if (fread(header, 1, size, f) != size)
		return mea_fail(MEA_EINVAL, "%s: ends in its header", path);
	header[size] = 0;
	return 0;
}

int npy_read(const char *path, struct npy *a)
{
	char header[HEADER_MAX + 1];
	FILE *f = fopen(path, "rb");
	size_t bytes;
	int rc;

	memset(a, 0, sizeof(*a));
	if (!f)
		return mea_fail(errno == ENOENT ? MEA_ENOENT : MEA_EIO, "%s: %s", path,
				strerror(errno));
	rc = read_header(path, f, header);
	if (!rc)
		rc = parse_header(path, header, a);
	bytes = rc ? 0 : a->n * types[a->type].bytes;
	if (!rc) {
		a->data = malloc(bytes + 1);
		if (!a->data)
			rc = mea_nomem();
		/* One byte more, to see that there is none. */
		else if (fread(a->data, 1, bytes + 1, f) != bytes)
			rc = mea_fail(MEA_EINVAL, "%s: does not hold the %zu bytes of its shape",
				      path, bytes);
	}
	fclose(f);
	if (rc)
		npy_free(a);
	return rc;
}

int npy_write(const char *path, const struct npy *a)
{
	char shape[256] = "", header[512];
	FILE *f;
	int n, pad;

	for (int i = 0; i < a->rank; i++)
		snprintf(shape + strlen(shape), sizeof(shape) - strlen(shape), "%zu, ", a->dim[i]);
	n = snprintf(header, sizeof(header),
		     "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
		     types[a->type].descr, shape);
	/* Data begin at a multiple of 64, behind a line feed. */
	pad = 63 - (10 + n) % 64;
	f = fopen(path, "wb");
	if (!f)
		return mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	n += pad + 1;
	fprintf(f, MAGIC "\x01%c%c%c%s%*s\n", 0, n & 0xff, n >> 8, header, pad, "");
	fwrite(a->data, types[a->type].bytes, a->n, f);
	if (ferror(f) | fclose(f))
		return mea_fail(MEA_EIO, "%s: cannot be written", path);
	return 0;
}

double npy_at(const struct npy *a, size_t i)
{
	switch (a->type) {
	case NPY_I8:
		return ((const int8_t *)a->data)[i];
	case NPY_U8:
		return ((const uint8_t *)a->data)[i];
	case NPY_F32: {
		float v;

		memcpy(&v, (const char *)a->data + i * sizeof(v), sizeof(v));
		return (double)v;
	}
	default: {
		double v;

		memcpy(&v, (const char *)a->data + i * sizeof(v), sizeof(v));
		return v;
	}
	}
}

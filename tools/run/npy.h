/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays in NumPy's file format (numpy.lib.format, versions 1 to 3). */
#ifndef MEA_TOOL_NPY_H
#define MEA_TOOL_NPY_H

#include <stddef.h>
#include <stdint.h>

#define NPY_RANK_MAX 8

enum npy_type { NPY_I8, NPY_U8, NPY_F32, NPY_F64, NPY_TYPES };

struct npy {
	enum npy_type type;
	int rank;
	size_t dim[NPY_RANK_MAX];
	size_t n;   /* elements, in C order */
	void *data; /* owned */
};

/* Reads a file whole; npy_free() it. MEA_EUNSUPPORTED for other types, other byte orders and
 * Fortran's order of elements. */
int npy_read(const char *path, struct npy *a);
int npy_write(const char *path, const struct npy *a);
void npy_free(struct npy *a);

const char *npy_type_name(enum npy_type type);

/* Element i as a number. */
double npy_at(const struct npy *a, size_t i);

#endif

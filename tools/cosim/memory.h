/* SPDX-License-Identifier: Apache-2.0 */
/* The ranges of memory that a device may reach; an IOMMU makes one of each page. */
#ifndef MEA_COSIM_MEMORY_H
#define MEA_COSIM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	uint64_t addr, size; /* bytes */
	bool writable;
};

/* Ordered by address, without overlaps; all zero: none. */
struct memory {
	struct range *range;
	size_t n, room;
};

/* Adds a range. False: it is empty, wraps, or overlaps another. Without memory for the
 * table the process ends. */
bool memory_add(struct memory *m, uint64_t addr, uint64_t size, bool writable);

/* The index of the first range that ends beyond addr; m->n: there is none. */
size_t memory_at(const struct memory *m, uint64_t addr);

/* Removes the range at index i. */
void memory_remove(struct memory *m, size_t i);

/* Whether size bytes at addr lie in one range, with the right to write if write. */
bool memory_holds(const struct memory *m, uint64_t addr, uint64_t size, bool write);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is counted: what a training holds of each kind, now and at most. The counters are the
 * process's; threads may allocate at the same time.
 */
#ifndef MEA_TRAIN_MEM_H
#define MEA_TRAIN_MEM_H

#include <stddef.h>

enum mea_mem_kind {
	MEA_MEM_FILES,	   /* weights in the graphs that were read */
	MEA_MEM_WEIGHTS,   /* those that are trained or used */
	MEA_MEM_COPIES,	   /* in the order that a kernel multiplies */
	MEA_MEM_GRADIENTS, /* of weights */
	MEA_MEM_MOMENTA,
	MEA_MEM_AVERAGES,
	MEA_MEM_MAPS, /* and their gradients */
	MEA_MEM_IMAGES,
	MEA_MEM_ANSWERS,  /* a teacher's */
	MEA_MEM_RESIDUES, /* of compressed gradients, their packets; a checkpoint under way */
	MEA_MEM_KINDS
};

/* Bytes; all: of all kinds together. */
struct mea_mem {
	size_t now[MEA_MEM_KINDS], most[MEA_MEM_KINDS];
	size_t all, all_most;
};

/* Zeros, on a cache line; NULL when there is no memory. Freed by mea_mem_free(), which takes NULL
 * too. */
void *mea_mem_new(enum mea_mem_kind kind, size_t bytes);
void mea_mem_free(void *p);

/* Counts memory that something else allocated (bytes > 0) or freed (< 0). */
void mea_mem_count(enum mea_mem_kind kind, ptrdiff_t bytes);

struct mea_mem mea_mem_read(void);
/* From now on, "at most" counts anew. */
void mea_mem_forget(void);

/* As a table's row calls it: "weights". */
const char *mea_mem_name(enum mea_mem_kind kind);

#endif

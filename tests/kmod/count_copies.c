// SPDX-License-Identifier: Apache-2.0
/*
 * Linked into a second mea command with --wrap (tools/cosim/cosim.mk): counts what the
 * processor copies between its own memory and buffers that are mapped from a device, and
 * at the end adds a line to the file $COPIES: times and bytes into layouts (images,
 * features), times and bytes out of them (logits, features), bytes of other copies
 * (weights, commands).
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "plan/plan.h"

#define MAPS 4096

void __real_mea_layout_write(const struct mea_layout *l, const int8_t *nhwc, uint8_t *out);
void __real_mea_layout_read(const struct mea_layout *l, const uint8_t *in, int8_t *nhwc);
void *__real_memcpy(void *to, const void *from, size_t n);
void *__real_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
void __wrap_mea_layout_write(const struct mea_layout *l, const int8_t *nhwc, uint8_t *out);
void __wrap_mea_layout_read(const struct mea_layout *l, const uint8_t *in, int8_t *nhwc);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);

static struct {
	uintptr_t start, end;
} map[MAPS];
static atomic_int maps;
static atomic_ullong writes, written, reads, read_back, other;
static _Thread_local bool inside;

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	void *p = __real_mmap(at, size, prot, flags, fd, offset);

	if (p != MAP_FAILED && fd >= 0 && (flags & MAP_SHARED) && (prot & PROT_WRITE)) {
		int i = maps++;

		if (i >= MAPS) {
			fprintf(stderr, "count_copies: more than %d mappings\n", MAPS);
			abort();
		}
		map[i].start = (uintptr_t)p;
		map[i].end = (uintptr_t)p + size;
	}
	return p;
}

static bool mapped(const void *p)
{
	for (int i = 0; i < maps; i++)
		if ((uintptr_t)p >= map[i].start && (uintptr_t)p < map[i].end)
			return true;
	return false;
}

void *__wrap_memcpy(void *to, const void *from, size_t n)
{
	if (!inside && (mapped(to) || mapped(from)))
		other += n;
	return __real_memcpy(to, from, n);
}

void __wrap_mea_layout_write(const struct mea_layout *l, const int8_t *nhwc, uint8_t *out)
{
	writes++;
	written += l->bytes;
	inside = true;
	__real_mea_layout_write(l, nhwc, out);
	inside = false;
}

void __wrap_mea_layout_read(const struct mea_layout *l, const uint8_t *in, int8_t *nhwc)
{
	reads++;
	read_back += l->bytes;
	inside = true;
	__real_mea_layout_read(l, in, nhwc);
	inside = false;
}

__attribute__((destructor)) static void print(void)
{
	FILE *f = getenv("COPIES") ? fopen(getenv("COPIES"), "a") : NULL;

	if (!f)
		return;
	fprintf(f, "%llu %llu %llu %llu %llu\n", writes, written, reads, read_back, other);
	fclose(f);
}

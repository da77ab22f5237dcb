// SPDX-License-Identifier: Apache-2.0
#include "train/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 64

/* Before every block. */
struct head {
	size_t bytes;
	enum mea_mem_kind kind;
};

static atomic_size_t now[MEA_MEM_KINDS + 1], most[MEA_MEM_KINDS + 1]; /* the last one: of all */

static void change(int i, ptrdiff_t bytes)
{
	size_t have = atomic_fetch_add(&now[i], (size_t)bytes) + (size_t)bytes;
	size_t top = atomic_load(&most[i]);

	while (bytes > 0 && have > top && !atomic_compare_exchange_weak(&most[i], &top, have))
		;
}

void mea_mem_count(enum mea_mem_kind kind, ptrdiff_t bytes)
{
	change((int)kind, bytes);
	change(MEA_MEM_KINDS, bytes);
}

void *mea_mem_new(enum mea_mem_kind kind, size_t bytes)
{
	size_t whole = (bytes + ALIGN - 1) / ALIGN * ALIGN + ALIGN;
	char *p = whole < bytes ? NULL : aligned_alloc(ALIGN, whole);
	struct head h = {whole, kind};

	if (!p)
		return NULL;
	memset(p, 0, whole);
	memcpy(p, &h, sizeof(h));
	mea_mem_count(kind, (ptrdiff_t)whole);
	return p + ALIGN;
}

void mea_mem_free(void *p)
{
	struct head h;

	if (!p)
		return;
	memcpy(&h, (char *)p - ALIGN, sizeof(h));
	mea_mem_count(h.kind, -(ptrdiff_t)h.bytes);
	free((char *)p - ALIGN);
}

struct mea_mem mea_mem_read(void)
{
	struct mea_mem m;

	for (int i = 0; i < MEA_MEM_KINDS; i++) {
		m.now[i] = atomic_load(&now[i]);
		m.most[i] = atomic_load(&most[i]);
	}
	m.all = atomic_load(&now[MEA_MEM_KINDS]);
	m.all_most = atomic_load(&most[MEA_MEM_KINDS]);
	return m;
}

void mea_mem_forget(void)
{
	for (int i = 0; i <= MEA_MEM_KINDS; i++)
		atomic_store(&most[i], atomic_load(&now[i]));
}

const char *mea_mem_name(enum mea_mem_kind kind)
{
	static const char *const names[MEA_MEM_KINDS] = {"networks as read",
							 "weights",
							 "kernels' weights",
							 "gradients",
							 "momenta",
							 "averages",
							 "maps, their gradients",
							 "images",
							 "teacher's answers",
							 "residues, checkpoint"};

	return names[kind];
}

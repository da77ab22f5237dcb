// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include "cosim.h"

size_t memory_at(const struct memory *m, uint64_t addr)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct range *r = &m->range[mid];

		if (r->addr <= addr && addr - r->addr >= r->size)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool memory_add(struct memory *m, uint64_t addr, uint64_t size, bool writable)
{
	size_t i = memory_at(m, addr);

	if (!size || addr + (size - 1) < addr ||
	    (i < m->n && m->range[i].addr <= addr + (size - 1)))
		return false;
	if (m->n == m->room) {
		m->room = m->room ? 2 * m->room : 64;
		m->range = realloc(m->range, m->room * sizeof(*m->range));
		if (!m->range)
			cosim_die("out of memory");
	}
	memmove(m->range + i + 1, m->range + i, (m->n - i) * sizeof(*m->range));
	m->range[i] = (struct range){.addr = addr, .size = size, .writable = writable};
	m->n++;
	return true;
}

void memory_remove(struct memory *m, size_t i)
{
	m->n--;
	memmove(m->range + i, m->range + i + 1, (m->n - i) * sizeof(*m->range));
}

bool memory_holds(const struct memory *m, uint64_t addr, uint64_t size, bool write)
{
	size_t i = memory_at(m, addr);
	const struct range *r = &m->range[i];

	return i < m->n && r->addr <= addr && size <= r->size && addr - r->addr <= r->size - size &&
	       (r->writable || !write);
}

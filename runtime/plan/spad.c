// SPDX-License-Identifier: Apache-2.0
/*
 * Allocation in the activation scratchpad: first fit over few candidates. What
 * matters is the bank: a layer that reads its input and its residual from one
 * bank loses a cycle per pixel of its last pass.
 */
#include "plan/internal.h"

static bool is_free(const struct spad *s, int base, int size)
{
	if (base < 0 || base + size > s->limit)
		return false;
	for (int i = 0; i < s->n; i++)
		if (base < s->used[i].base + s->used[i].size && s->used[i].base < base + size)
			return false;
	return true;
}

static int shared_banks(const struct spad *s, int base, int size, const int (*avoid)[2],
			int n_avoid)
{
	int first = base / s->bank_words, last = (base + size - 1) / s->bank_words, n = 0;

	for (int i = 0; i < n_avoid; i++) {
		int a = avoid[i][0] / s->bank_words;
		int b = (avoid[i][0] + avoid[i][1] - 1) / s->bank_words;

		n += first <= b && a <= last;
	}
	return n;
}

int mea_spad_alloc(struct spad *s, int size, const int (*avoid)[2], int n_avoid)
{
	int best = -1, best_cost = 0;

	if (s->n == SPAD_MAX)
		return -1;
	for (int c = -s->words / s->bank_words; c <= s->n; c++) {
		int base = c < 0       ? (-c - 1) * s->bank_words
			   : c == s->n ? 0
				       : s->used[c].base + s->used[c].size;
		int cost;

		if (!is_free(s, base, size))
			continue;
		cost = shared_banks(s, base, size, avoid, n_avoid);
		if (best < 0 || cost < best_cost || (cost == best_cost && base < best)) {
			best = base;
			best_cost = cost;
		}
	}
	if (best >= 0) {
		s->used[s->n].base = best;
		s->used[s->n++].size = size;
	}
	return best;
}

void mea_spad_free(struct spad *s, int base)
{
	for (int i = 0; i < s->n; i++)
		if (s->used[i].base == base) {
			s->used[i] = s->used[--s->n];
			return;
		}
}

static int bank_of(const struct mea_hw *hw, int64_t word)
{
	return (int)(word * hw->act_banks / hw->act_words);
}

double mea_same_bank(const struct mea_hw *hw, int64_t a, int64_t na, int64_t b, int64_t nb)
{
	double share = 0;
	int64_t words = hw->act_words / hw->act_banks;

	for (int k = bank_of(hw, a); k <= bank_of(hw, a + na - 1); k++) {
		int64_t lo = k * words, hi = lo + words;
		int64_t ina = (a + na < hi ? a + na : hi) - (a > lo ? a : lo);
		int64_t inb = (b + nb < hi ? b + nb : hi) - (b > lo ? b : lo);

		if (ina > 0 && inb > 0)
			share += (double)ina / (double)na * ((double)inb / (double)nb);
	}
	return share;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * System calls on the driver, made from bytes that change at random; bytes that reach new code
 * of the module (KCOV, debug kernel) are kept and changed further. The kernel's log is the
 * judge: run.sh fails the run for anything in it.
 *
 *   fuzz_ioctl CALLS [SEED [CORPUS [NEW-CORPUS]]]      a corpus has a line of hex per program
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcov.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include "lib/client.h"

#define PROGRAM_BYTES 160
#define PROGRAMS_MAX  400
#define COVER_WORDS   (64u << 10)
#define SEEN_BITS     20
#define FDS	      3
#define HANDLES	      8
#define DMABUFS	      4
#define SYNCS	      4

struct program {
	uint8_t byte[PROGRAM_BYTES];
	unsigned n;
};

static struct program corpus[PROGRAMS_MAX];
static unsigned n_corpus;
static uint64_t state;
static unsigned long *cover;
static int kcov = -1;
static uint8_t seen[1u << SEEN_BITS];
static unsigned n_seen;
static uint64_t calls, good;

/* What the programs have in their hands. */
static int fd[FDS], dmabuf[DMABUFS];
static uint32_t handle[FDS][HANDLES], sync_of[FDS][SYNCS];

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return (uint32_t)(state >> 20) % below;
}

/* --- values from bytes -------------------------------------------------------------------------
 */

struct source {
	const struct program *p;
	unsigned at;
};

static uint8_t take(struct source *s)
{
	return s->at < s->p->n ? s->p->byte[s->at++] : 0;
}

/* Mostly small or at an edge. */
static uint64_t value(struct source *s)
{
	static const uint64_t edges[] = {0,	     1,		 63,	     64,
					 4095,	     4096,	 4097,	     1u << 31,
					 ~0u,	     1ull << 32, ~0ull,	     1ull << 63,
					 ~0ull - 63, 8192,	 1ull << 20, 4032};
	uint8_t b = take(s);
	uint64_t v = 0;

	if (b < 128)
		return b & 15;
	if (b < 192)
		return edges[b & 15];
	if (b < 224)
		return (uint64_t)take(s) << (b & 31);
	for (int i = 0; i < 8; i++)
		v = v << 8 | take(s);
	return v;
}

/* A known name nearly always. */
static uint32_t name(struct source *s, const uint32_t *names, unsigned n)
{
	uint8_t b = take(s);

	return b < 240 ? names[b % n] : (uint32_t)value(s);
}

static void count(int rc)
{
	calls++;
	good += rc >= 0;
}

/* --- calls
 * ----------------------------------------------------------------------------------------- */

static void do_create(struct source *s, unsigned f)
{
	struct drm_mea_bo_create c = {.size = value(s) << (take(s) & 15)};
	uint32_t *h = &handle[f][take(s) % HANDLES];
	int rc;

	if (take(s) > 230)
		c.flags = (uint32_t)value(s);
	rc = ioctl(fd[f], DRM_IOCTL_MEA_BO_CREATE, &c);
	count(rc);
	if (rc)
		return;
	if (*h)
		drmCloseBufferHandle(fd[f], *h);
	*h = c.handle;
}

static void do_submit(struct source *s, unsigned f)
{
	struct drm_mea_slot slot[DRM_MEA_MAX_SLOTS + 1] = {0};
	uint32_t in[DRM_MEA_MAX_IN_SYNCS + 1];
	struct drm_mea_submit a = {
		.slots = (uintptr_t)slot,
		.in_syncs = (uintptr_t)in,
		.slot_count = take(s) % 10,
		.in_sync_count = take(s) < 200 ? 0 : take(s) % 18,
		.out_sync = name(s, sync_of[f], SYNCS),
		.cmd_count = (uint32_t)(take(s) < 128 ? 0 : value(s)),
		.budget = 5000,
		.record_slot = ~0u,
		.tag = 7,
	};
	uint8_t odd = take(s);

	for (unsigned i = 0; i < a.slot_count && i < 9; i++) {
		slot[i].handle = name(s, handle[f], HANDLES);
		slot[i].flags = take(s) < 250 ? 3 : (uint32_t)value(s);
		slot[i].size = take(s) < 200 ? 4096 : value(s);
		slot[i].offset = take(s) < 200 ? 0 : value(s);
	}
	for (unsigned i = 0; i < a.in_sync_count && i < 17; i++)
		in[i] = name(s, sync_of[f], SYNCS);
	if (odd & 1 && take(s) > 128) {
		a.record_slot = (uint32_t)value(s);
		a.record_offset = (uint32_t)value(s) * 128;
	}
	if (odd > 250)
		a.flags = (uint32_t)value(s);
	if (odd > 240)
		a.cmd_offset = (uint32_t)value(s);
	if (odd == 239)
		a.slots = value(s);
	if (odd == 238)
		a.in_syncs = value(s);
	count(ioctl(fd[f], DRM_IOCTL_MEA_SUBMIT, &a));
}

static void do_prime(struct source *s, unsigned f)
{
	unsigned i = take(s) % DMABUFS;
	uint32_t h;
	int file;

	if (take(s) & 1) {
		if (drmPrimeHandleToFD(fd[f], name(s, handle[f], HANDLES), DRM_CLOEXEC | DRM_RDWR,
				       &file)) {
			count(-1);
			return;
		}
		count(0);
		close(dmabuf[i]);
		dmabuf[i] = file;
		return;
	}
	if (drmPrimeFDToHandle(fd[f], dmabuf[i], &h)) {
		count(-1);
		return;
	}
	count(0);
	handle[f][take(s) % HANDLES] = h;
}

static void do_sync(struct source *s, unsigned f)
{
	uint32_t *sync = &sync_of[f][take(s) % SYNCS];
	int file;

	switch (take(s) % 4) {
	case 0:
		drmSyncobjDestroy(fd[f], *sync);
		count(drmSyncobjCreate(fd[f], take(s) & 1, sync));
		break;
	case 1:
		count(drmSyncobjWait(fd[f], sync, 1, 0, 0, NULL));
		break;
	case 2:
		file = sync_to_file(fd[f], *sync);
		count(file);
		if (file >= 0) {
			file_status(file);
			close(file);
		}
		break;
	default:
		count(ready_to_write(dmabuf[take(s) % DMABUFS]));
	}
}

static void do_map(struct source *s, unsigned f)
{
	off_t offset = (off_t)((value(s) & 0xfffff) << 12) + (1ll << 32) * (take(s) & 1);
	size_t size = (1 + (value(s) & 7)) * 4096;
	bool of_dmabuf = take(s) & 1;
	uint8_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    of_dmabuf ? dmabuf[take(s) % DMABUFS] : fd[f], of_dmabuf ? 0 : offset);

	count(map == MAP_FAILED ? -1 : 0);
	if (map == MAP_FAILED)
		return;
	map[0] = take(s);
	munmap(map, size);
}

static void do_reopen(unsigned f)
{
	close(fd[f]);
	fd[f] = open("/dev/accel/accel0", O_RDWR | O_CLOEXEC);
	count(fd[f]);
	memset(handle[f], 0, sizeof(handle[f]));
	memset(sync_of[f], 0, sizeof(sync_of[f]));
}

static void do_raw(struct source *s, unsigned f)
{
	uint8_t data[256];
	unsigned nr = 0x40 + take(s) % 4, size = take(s), dir = take(s) & 3;

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = i < 40 ? take(s) : 0;
	count(ioctl(fd[f], _IOC(dir, 'd', nr, size), data));
}

static void run_program(const struct program *p)
{
	struct source s = {p, 0};

	while (s.at < p->n) {
		uint8_t what = take(&s);
		unsigned f = take(&s) % FDS;

		switch (what % 16) {
		case 0 ... 2:
			do_create(&s, f);
			break;
		case 3 ... 8:
			do_submit(&s, f);
			break;
		case 9:
			count(drmCloseBufferHandle(fd[f], name(&s, handle[f], HANDLES)));
			break;
		case 10:
			do_prime(&s, f);
			break;
		case 11:
		case 12:
			do_sync(&s, f);
			break;
		case 13:
			do_map(&s, f);
			break;
		case 14:
			do_raw(&s, f);
			break;
		default:
			if (take(&s) > 200)
				do_reopen(f);
		}
	}
}

/* --- coverage -----------------------------------------------------------------------------------
 */

static void cover_open(void)
{
	kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (kcov < 0)
		return;
	if (ioctl(kcov, KCOV_INIT_TRACE, COVER_WORDS)) {
		perror("kcov");
		exit(1);
	}
	cover = mmap(NULL, COVER_WORDS * sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, kcov, 0);
	if (cover == MAP_FAILED || ioctl(kcov, KCOV_ENABLE, KCOV_TRACE_PC)) {
		perror("kcov");
		exit(1);
	}
}

/* Counts the addresses that were never seen before. */
static unsigned cover_new(void)
{
	unsigned fresh = 0;

	if (kcov < 0)
		return 0;
	for (unsigned long i = 1; i <= cover[0] && i < COVER_WORDS; i++) {
		uint32_t h = (uint32_t)(cover[i] * 0x9e3779b97f4a7c15ull >> (64 - SEEN_BITS));

		fresh += !seen[h];
		seen[h] = 1;
	}
	n_seen += fresh;
	return fresh;
}

/* --- corpus
 * ------------------------------------------------------------------------------------------ */

static void keep(const struct program *p)
{
	if (n_corpus < PROGRAMS_MAX)
		corpus[n_corpus++] = *p;
}

static void read_corpus(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[2 * PROGRAM_BYTES + 2];

	if (!f) {
		perror(path);
		exit(1);
	}
	while (fgets(line, sizeof(line), f)) {
		struct program p = {.n = 0};
		unsigned byte;

		for (const char *c = line; p.n < PROGRAM_BYTES && sscanf(c, "%2x", &byte) == 1;
		     c += 2)
			p.byte[p.n++] = (uint8_t)byte;
		if (p.n)
			keep(&p);
	}
	fclose(f);
}

static void write_corpus(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f) {
		perror(path);
		exit(1);
	}
	for (unsigned i = 0; i < n_corpus; i++) {
		for (unsigned k = 0; k < corpus[i].n; k++)
			fprintf(f, "%02x", corpus[i].byte[k]);
		fputc('\n', f);
	}
	fclose(f);
}

static void mutate(struct program *p)
{
	if (n_corpus && rnd(8))
		*p = corpus[rnd(n_corpus)];
	else
		p->n = 0;
	while (p->n < 24)
		p->byte[p->n++] = (uint8_t)rnd(256);
	for (unsigned i = 1 + rnd(6); i; i--)
		p->byte[rnd(p->n)] = (uint8_t)rnd(256);
	if (rnd(4) == 0)
		while (p->n < PROGRAM_BYTES && rnd(16))
			p->byte[p->n++] = (uint8_t)rnd(256);
	if (n_corpus && rnd(4) == 0) {
		const struct program *q = &corpus[rnd(n_corpus)];
		unsigned n = q->n < PROGRAM_BYTES - p->n ? q->n : PROGRAM_BYTES - p->n;

		memcpy(p->byte + p->n, q->byte, n);
		p->n += n;
	}
}

int main(int argc, char **argv)
{
	uint64_t limit = argc > 1 ? strtoull(argv[1], NULL, 0) : 20000, programs = 0;
	unsigned seeds;

	state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) * 0x9e3779b97f4a7c15ull + 1;
	if (argc > 3)
		read_corpus(argv[3]);
	seeds = n_corpus;
	for (unsigned f = 0; f < FDS; f++)
		do_reopen(f);
	memset(dmabuf, 0xff, sizeof(dmabuf));
	cover_open();
	for (; calls < limit; programs++) {
		struct program p;

		if (programs < seeds)
			p = corpus[programs];
		else
			mutate(&p);
		if (kcov >= 0)
			cover[0] = 0;
		run_program(&p);
		if (cover_new() && programs >= seeds)
			keep(&p);
	}
	if (argc > 4)
		write_corpus(argv[4]);
	printf("# count calls: %llu, %llu of them without error, in %llu programs; ",
	       (unsigned long long)calls, (unsigned long long)good, (unsigned long long)programs);
	if (kcov >= 0)
		printf("%u places of the module reached, %u programs kept\n", n_seen, n_corpus);
	else
		printf("no coverage in this kernel\n");
	printf("ok 1 - %llu calls of any kind\n1..1\n", (unsigned long long)calls);
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 6

struct call {
	struct device *d;
	int n; /* words, the command's name included */
	char *word[WORDS];
	char *reply;
	size_t size;
};

static bool number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return *text && !*end && !errno;
}

/* The word at i as a count, fallback when it is not there. */
static bool count(const struct call *c, int i, unsigned fallback, unsigned *value)
{
	uint64_t v = fallback;

	if (i < c->n && (!number(c->word[i], &v) || v > 0xffffffffu))
		return false;
	*value = (unsigned)v;
	return true;
}

static bool on_off(const struct call *c, bool *value)
{
	if (c->n != 2 || (strcmp(c->word[1], "on") && strcmp(c->word[1], "off")))
		return false;
	*value = !strcmp(c->word[1], "on");
	return true;
}

/* --- commands: false when the words make no sense -------------------------------------- */

static bool do_ping(struct call *c)
{
	return c->n == 1;
}

static bool do_hang(struct call *c)
{
	return c->n <= 2 && count(c, 1, 1, &c->d->faults.hang);
}

static bool do_stuck(struct call *c)
{
	c->d->reset_asked = false;
	return on_off(c, &c->d->faults.stuck);
}

static bool do_gone(struct call *c)
{
	bool gone;

	if (!on_off(c, &gone))
		return false;
	device_set_gone(c->d, gone);
	return true;
}

static bool do_edge(struct call *c)
{
	return on_off(c, &c->d->faults.edge);
}

static bool do_irq(struct call *c)
{
	struct faults *f = &c->d->faults;
	const char *what = c->n > 1 ? c->word[1] : "";
	unsigned n;

	if (!strcmp(what, "lost"))
		return c->n <= 3 && count(c, 2, 1, &f->lost);
	if (!strcmp(what, "double"))
		return c->n <= 3 && count(c, 2, 1, &f->twice);
	if (!strcmp(what, "late"))
		return c->n >= 3 && c->n <= 4 && count(c, 2, 0, &f->late_ms) &&
		       count(c, 3, 1, &f->late);
	if (!strcmp(what, "random"))
		return c->n == 3 && count(c, 2, 0, &f->random_irq);
	if (strcmp(what, "spurious") || c->n > 3 || !count(c, 2, 1, &n))
		return false;
	while (n--)
		device_spurious(c->d);
	return true;
}

static bool do_read(struct call *c)
{
	struct faults *f = &c->d->faults;
	unsigned reg, value, n;

	if (c->n == 2 && !strcmp(c->word[1], "clear")) {
		f->reads = 0;
		return true;
	}
	if (c->n < 3 || c->n > 4 || f->reads == DEVICE_READS || !count(c, 1, 0, &reg) ||
	    !count(c, 2, 0, &value) || !count(c, 3, 0, &n))
		return false;
	f->read[f->reads].reg = reg;
	f->read[f->reads].value = value;
	f->read[f->reads++].count = n;
	return true;
}

static bool do_random(struct call *c)
{
	return c->n == 2 && count(c, 1, 0, &c->d->faults.random_read);
}

static bool do_bus(struct call *c)
{
	unsigned n;

	if (c->n != 3 || !count(c, 2, 0, &n))
		return false;
	if (!strcmp(c->word[1], "read"))
		device_bus_error(c->d, n, 0);
	else if (!strcmp(c->word[1], "write"))
		device_bus_error(c->d, 0, n);
	else
		return false;
	return true;
}

static bool do_heal(struct call *c)
{
	device_heal(c->d);
	return c->n == 1;
}

static bool do_counters(struct call *c)
{
	const struct counters *n = &c->d->count;

	snprintf(c->reply, c->size,
		 "ok jobs=%llu irqs=%llu messages=%llu mmio_reads=%llu mmio_writes=%llu "
		 "bursts=%llu bytes=%llu cycles=%llu status=0x%x maps=%zu",
		 (unsigned long long)n->jobs, (unsigned long long)n->irqs,
		 (unsigned long long)n->messages, (unsigned long long)n->mmio_reads,
		 (unsigned long long)n->mmio_writes, (unsigned long long)n->bursts,
		 (unsigned long long)n->bytes, (unsigned long long)mea_sim_cycles(c->d->sim),
		 mea_sim_status(c->d->sim), c->d->memory.n);
	return c->n == 1;
}

static bool do_zero(struct call *c)
{
	memset(&c->d->count, 0, sizeof(c->d->count));
	return c->n == 1;
}

/* Not at once, so that who asked has read the answer: a guest that reads from nobody
 * waits long. */
static bool do_kill(struct call *c)
{
	unsigned ms;

	if (c->n > 2 || !count(c, 1, 20, &ms))
		return false;
	c->d->faults.kill_at = device_ms(c->d) + ms + 1;
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct call *c);
} commands[] = {
	{"ping", do_ping}, {"hang", do_hang}, {"stuck", do_stuck}, {"gone", do_gone},
	{"edge", do_edge}, {"irq", do_irq},   {"read", do_read},   {"random", do_random},
	{"bus", do_bus},   {"heal", do_heal}, {"zero", do_zero},   {"counters", do_counters},
	{"kill", do_kill},
};

void command_run(struct device *d, const char *line, char *reply, size_t size)
{
	char copy[256], *save = NULL;
	struct call c = {.d = d, .reply = reply, .size = size};

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " \t\r\n", &save); w && c.n < WORDS;
	     w = strtok_r(NULL, " \t\r\n", &save))
		c.word[c.n++] = w;
	snprintf(reply, size, "ok");
	for (size_t i = 0; c.n && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(c.word[0], commands[i].name))
			continue;
		if (!commands[i].run(&c))
			snprintf(reply, size, "error: %.200s: not understood", line);
		return;
	}
	snprintf(reply, size, "error: %.200s: unknown command", line);
}

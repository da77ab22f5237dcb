// SPDX-License-Identifier: Apache-2.0
/* Finds and loads a Verilated configuration; the rest is its table. */
#include "shim.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mea_sim {
	void *object;
	const struct mea_shim_ops *ops;
	struct mea_shim *shim;
};

/* Where a simulator may be: beside the program that was built or installed with
 * it, or under the current directory. */
static int find(const char *name, char *path, size_t size)
{
	static const char *const places[] = {"%shw/sim/libmea_sim_%s.so",
					     "%s../lib/mea/libmea_sim_%s.so",
					     "%s../hw/sim/libmea_sim_%s.so"};
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	exe[n < 0 ? 0 : n] = 0;
	slash = strrchr(exe, '/');
	if (slash)
		slash[1] = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		/* The formats are the constants above. */
		int len = snprintf(path, size, places[i], exe, name);

		if (len > 0 && (size_t)len < size && !access(path, R_OK))
			return 0;
	}
	snprintf(path, size, "build/hw/sim/libmea_sim_%s.so", name);
	return access(path, R_OK);
}

int mea_sim_open(const char *dir, const char *name, const struct mea_sim_options *opt,
		 struct mea_sim **out, char *error, size_t size)
{
	struct mea_sim *s = calloc(1, sizeof(*s));
	char path[PATH_MAX + 64];

	if (!s) {
		snprintf(error, size, "out of memory");
		return -1;
	}
	if (!dir)
		dir = getenv("MEA_SIM_DIR");
	if (dir) {
		snprintf(path, sizeof(path), "%s/libmea_sim_%s.so", dir, name);
	} else if (find(name, path, sizeof(path))) {
		snprintf(error, size, "simulator %s is not built; make sim CONFIG=%s does it", name,
			 name);
		goto fail;
	}
	s->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!s->object) {
		snprintf(error, size, "simulator %s: %s", name, dlerror());
		goto fail;
	}
	s->ops = dlsym(s->object, "mea_shim_ops");
	if (!s->ops || s->ops->version != MEA_SHIM_VERSION) {
		snprintf(error, size, "simulator %s: of another version, rebuild it", name);
		goto fail;
	}
	s->shim = s->ops->open(opt, error, size);
	if (!s->shim)
		goto fail;
	*out = s;
	return 0;
fail:
	mea_sim_close(s);
	return -1;
}

void mea_sim_close(struct mea_sim *s)
{
	if (!s)
		return;
	if (s->shim)
		s->ops->close(s->shim);
	if (s->object)
		dlclose(s->object);
	free(s);
}

int mea_sim_map(struct mea_sim *s, uint64_t addr, void *host, size_t size)
{
	return s->ops->map(s->shim, addr, host, size);
}

void mea_sim_unmap(struct mea_sim *s, uint64_t addr)
{
	s->ops->unmap(s->shim, addr);
}

uint32_t mea_sim_read(struct mea_sim *s, uint32_t reg)
{
	return s->ops->read(s->shim, reg);
}

void mea_sim_write(struct mea_sim *s, uint32_t reg, uint32_t value)
{
	s->ops->write(s->shim, reg, value);
}

bool mea_sim_irq(struct mea_sim *s)
{
	return s->ops->irq(s->shim);
}

uint64_t mea_sim_run(struct mea_sim *s, uint64_t limit)
{
	return s->ops->run(s->shim, limit);
}

uint64_t mea_sim_step(struct mea_sim *s, uint64_t limit)
{
	return s->ops->step(s->shim, limit);
}

uint64_t mea_sim_irq_rises(struct mea_sim *s)
{
	return s->ops->irq_rises(s->shim);
}

uint32_t mea_sim_status(struct mea_sim *s)
{
	return s->ops->status(s->shim);
}

void mea_sim_watch(struct mea_sim *s, mea_sim_burst_fn *fn, void *arg)
{
	s->ops->watch(s->shim, fn, arg);
}

uint64_t mea_sim_cycles(struct mea_sim *s)
{
	return s->ops->cycles(s->shim);
}

void mea_sim_bus_seen(struct mea_sim *s, struct mea_sim_bus *bus)
{
	s->ops->bus(s->shim, bus);
}

void mea_sim_bus_fault(struct mea_sim *s, uint64_t read_n, uint64_t write_n, bool hang)
{
	s->ops->bus_fault(s->shim, read_n, write_n, hang);
}

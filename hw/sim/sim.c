// SPDX-License-Identifier: Apache-2.0
/* Finds and loads a Verilated configuration; the rest is its table. */
#include "shim.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MEA_SIM_BUILD_DIR
#define MEA_SIM_BUILD_DIR "build/hw/sim"
#endif
#ifndef MEA_SIM_LIB_DIR
#define MEA_SIM_LIB_DIR "/usr/local/lib/mea"
#endif

struct mea_sim {
	void *object;
	const struct mea_shim_ops *ops;
	struct mea_shim *shim;
};

static void *load(const char *dir, const char *name, char *error, size_t size)
{
	char path[512];
	void *object;

	if (snprintf(path, sizeof(path), "%s/libmea_sim_%s.so", dir, name) >= (int)sizeof(path)) {
		snprintf(error, size, "path too long");
		return NULL;
	}
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object)
		snprintf(error, size, "simulator %s: %s (make sim CONFIG=%s builds it)", name,
			 dlerror(), name);
	return object;
}

int mea_sim_open(const char *dir, const char *name, const struct mea_sim_options *opt,
		 struct mea_sim **out, char *error, size_t size)
{
	const char *dirs[] = {dir ? dir : getenv("MEA_SIM_DIR"), MEA_SIM_BUILD_DIR,
			      MEA_SIM_LIB_DIR};
	struct mea_sim *s = calloc(1, sizeof(*s));

	if (!s) {
		snprintf(error, size, "out of memory");
		return -1;
	}
	for (size_t i = 0; i < 3 && !s->object; i++)
		if (dirs[i])
			s->object = load(dirs[i], name, error, size);
	if (!s->object)
		goto fail;
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

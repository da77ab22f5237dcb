// SPDX-License-Identifier: Apache-2.0
/* Finds and loads a Verilated configuration; the rest is its table. */
#include "shim.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mea_sim {
	void *object;
	const struct mea_shim_ops *ops;
	struct mea_shim *shim;
};

/* The folder, with its slash, of the shared library that this code is in, or of the program
 * where it is a part of that. True: of a library. */
static bool own_folder(char folder[PATH_MAX])
{
	struct link_map *map = NULL;
	char file[PATH_MAX];
	Dl_info info;
	bool library;

	if (!dladdr1((void *)(uintptr_t)own_folder, &info, (void **)&map, RTLD_DL_LINKMAP))
		map = NULL;
	library = map && *map->l_name;
	snprintf(file, sizeof(file), "%s", library ? map->l_name : "/proc/self/exe");
	/* Links go: an installed library's is a link beside it, a program's may be anywhere. */
	if (!realpath(file, folder))
		*folder = 0;
	folder[strrchr(folder, '/') ? strrchr(folder, '/') - folder + 1 : 0] = 0;
	return library;
}

/* Debian's libraries are in a folder of their architecture, such as lib/x86_64-linux-gnu. */
static int find_by_architecture(const char *folder, const char *name, char *path, size_t size)
{
	char pattern[PATH_MAX + 64];
	glob_t found;
	int rc = -1, len;

	snprintf(pattern, sizeof(pattern), "%s../lib/*/mea/libmea_sim_%s.so", folder, name);
	if (glob(pattern, 0, NULL, &found))
		return -1;
	len = snprintf(path, size, "%s", found.gl_pathv[0]);
	if (len > 0 && (size_t)len < size)
		rc = 0;
	globfree(&found);
	return rc;
}

/* Where a simulator is: where `make` or `make install` puts it, seen from the library or the
 * program. Never below the current directory, which may be a stranger's: it is code. */
static int find(const char *name, char *path, size_t size)
{
	static const char *const places[] = {"hw/sim", "../hw/sim", "mea", "../lib/mea"};
	char folder[PATH_MAX];
	bool library = own_folder(folder);

	for (size_t i = 0; *folder && i < sizeof(places) / sizeof(places[0]); i++) {
		int len;

		/* Beside bin/program is no bin/mea/. */
		if (i >= 2 && library != (i == 2))
			continue;
		len = snprintf(path, size, "%s%s/libmea_sim_%s.so", folder, places[i], name);
		if (len > 0 && (size_t)len < size && !access(path, R_OK))
			return 0;
	}
	return library || !*folder ? -1 : find_by_architecture(folder, name, path, size);
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
		snprintf(error, size,
			 "simulator %s is neither built (make sim CONFIG=%s) nor installed, and "
			 "MEA_SIM_DIR names no folder",
			 name, name);
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

void mea_sim_engines(struct mea_sim *s, mea_sim_engine_fn *fn, void *arg)
{
	s->ops->engines(s->shim, fn, arg);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* Between sim.c and the Verilated shared objects: one table per configuration. */
#ifndef MEA_SIM_SHIM_H
#define MEA_SIM_SHIM_H

#include "mea_sim.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEA_SHIM_VERSION 3

struct mea_shim;

struct mea_shim_ops {
	int version;
	const char *config;
	struct mea_shim *(*open)(const struct mea_sim_options *opt, char *error, size_t size);
	void (*close)(struct mea_shim *s);
	int (*map)(struct mea_shim *s, uint64_t addr, void *host, size_t size);
	void (*unmap)(struct mea_shim *s, uint64_t addr);
	uint32_t (*read)(struct mea_shim *s, uint32_t reg);
	void (*write)(struct mea_shim *s, uint32_t reg, uint32_t value);
	bool (*irq)(struct mea_shim *s);
	uint64_t (*run)(struct mea_shim *s, uint64_t limit);
	uint64_t (*step)(struct mea_shim *s, uint64_t limit);
	uint64_t (*irq_rises)(struct mea_shim *s);
	uint32_t (*status)(struct mea_shim *s);
	void (*watch)(struct mea_shim *s, mea_sim_burst_fn *fn, void *arg);
	void (*engines)(struct mea_shim *s, mea_sim_engine_fn *fn, void *arg);
	uint64_t (*cycles)(struct mea_shim *s);
	void (*bus)(struct mea_shim *s, struct mea_sim_bus *bus);
	void (*bus_fault)(struct mea_shim *s, uint64_t read_n, uint64_t write_n, bool hang);
};

/* The one symbol of a shared object. */
extern const struct mea_shim_ops mea_shim_ops;

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Energy that is computed, not measured: an accelerator's from its events and a table of
 * picojoules, a radio's from the bytes that went. The parameters are in models.json, which is
 * part of the library, or in a file of the same shape; every one names its source.
 */
#ifndef MEA_ENERGY_MODEL_H
#define MEA_ENERGY_MODEL_H

#include <jansson.h>

#include "mea.h"

/* A modelled energy in mJ with the ends that the model's own parameters leave open. */
struct mea_modelled {
	double mj, low, high;
};

struct mea_accel_model {
	char name[32];
	struct mea_modelled pj[MEA_EVENTS]; /* per event, in picojoules instead of millijoules */
	double clock_mhz;		    /* that the model stands for */
	double static_mw;		    /* NaN: not known */
};

struct mea_radio_model {
	char name[32];
	/* P = rate x mw_per_mbps + base while bytes go; NaN down: not counted. */
	double up_mbps, up_mw_per_mbps, down_mbps, down_mw_per_mbps, base_mw;
	/* After the last byte the radio stays awake for so long, unless more bytes come. */
	double tail_s, tail_mw;
};

/*
 * Reads the parameters of the accelerator or radio called name from file, or from those of the
 * library when file is NULL. MEA_ENOENT lists the names that there are; MEA_EINVAL names the
 * field at fault.
 */
int mea_accel_model_load(const char *file, const char *name, struct mea_accel_model *out);
int mea_radio_model_load(const char *file, const char *name, struct mea_radio_model *out);

/* Sum over the events of event x pJ. */
struct mea_modelled mea_accel_energy(const struct mea_accel_model *m,
				     const uint64_t events[MEA_EVENTS]);

/* "mac" and so on. */
const char *mea_event_key(enum mea_event e);

/* What sending and receiving so many bytes takes: power while sending in W, time in ms, energy
 * in mJ; without the tail. */
double mea_radio_watts(const struct mea_radio_model *m);
double mea_radio_ms(const struct mea_radio_model *m, double bytes_up, double bytes_down);
double mea_radio_mj(const struct mea_radio_model *m, double bytes_up, double bytes_down);

/* The tail of one transfer in mJ when the next follows after gap_s (INFINITY: never). */
double mea_radio_tail_mj(const struct mea_radio_model *m, double gap_s);

#endif

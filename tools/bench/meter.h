/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power and energy sensors that Linux shows under /sys: hwmon (INA226, INA260, IRPS5401 and
 * their like) and powercap (RAPL). Nothing here asks for the time: the caller says when it
 * samples, so a fake tree and a fake clock test all of it.
 *
 * A sensor has a new value now and then, from every millisecond to every few seconds. An
 * instantaneous value stands for the time since the one before; a counter is differenced. A
 * window's mean power is that of the time between its first and its last new value, so that
 * no value counts that covers time outside.
 */
#ifndef MEA_ENERGY_METER_H
#define MEA_ENERGY_METER_H

#include <stdbool.h>

enum mea_meter_kind {
	MEA_METER_POWER,   /* hwmon powerN_input, microwatts */
	MEA_METER_PAIR,	   /* hwmon currN_input x inN_input, milliamperes x millivolts */
	MEA_METER_ENERGY,  /* hwmon energyN_input, microjoules, counts up */
	MEA_METER_POWERCAP /* energy_uj, microjoules, counts up and wraps */
};

/* What a window has seen of a meter so far. */
struct mea_meter_track {
	double begun, ended; /* s */
	bool any;	     /* a value was read */
	int samples;
	long long raw;	    /* the last value, as read */
	double watts;	    /* the last value; instantaneous kinds */
	double first, last; /* when new values came; first < 0: none yet */
	double gap;	    /* the least time between two of them; 0: not known */
	double joules;	    /* from first to last */
	int updates;	    /* values in between */
	double mean, m2;    /* of the power between updates (Welford) */
};

struct mea_meter {
	enum mea_meter_kind kind;
	char sensor[96]; /* below /sys/class: "hwmon/hwmon0/power1_input" */
	char rail[64];	 /* what it measures, as the hardware calls it */
	char path[2][320];
	long long range;   /* a counter wraps from here to 0; 0: it does not */
	double update_s;   /* between new values, as the driver says; 0: it does not */
	char trouble[192]; /* why the last window has no figure; "" when it has */
	struct mea_meter_track track;
};

struct mea_meters {
	struct mea_meter *meter;
	int n;
};

/* A window's result. Without a figure watts and joules are NaN and the meter's trouble says why. */
struct mea_reading {
	double watts, joules; /* joules: of the whole window */
	double seconds;
	int updates;   /* new values that count */
	double spread; /* standard deviation of the power between updates, W; NaN below two */
};

/*
 * Finds the sensors below sysfs ("/sys", or a fake tree). There may be none: n is 0 then. One
 * that cannot be read is in the list, with its trouble. Fails only without memory.
 */
int mea_meters_open(const char *sysfs, struct mea_meters **out);
void mea_meters_close(struct mea_meters *m);

/* How often to sample, in seconds, so that no new value is missed where that can be. */
double mea_meters_period(const struct mea_meters *m);

/* A window: begin, sample again and again, end. now is in seconds and rises. */
void mea_meters_begin(struct mea_meters *m, double now);
void mea_meters_sample(struct mea_meters *m, double now);
void mea_meters_end(struct mea_meters *m, double now);

/* The window that ended last. */
void mea_meter_reading(const struct mea_meter *m, struct mea_reading *r);

#endif

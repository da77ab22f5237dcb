// SPDX-License-Identifier: Apache-2.0
/* Sensors of a fake /sys under a fake clock: planted energy is found, nonsense is named. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "bench/meter.h"
#include "fake_sysfs.h"

TestSuite(meter, .init = fake_make, .fini = fake_remove);

/* The energy up to time t, in J, of a board that works in bursts, of a load that drifts. */
static double planted(double t)
{
	const double period = 0.137, on = 0.4;
	double whole = floor(t / period), part = t - whole * period;
	double busy = whole * on * period + fmin(part, on * period);

	return 3 * t + 2 * busy + 0.5 * 20 / (2 * M_PI) * (1 - cos(2 * M_PI * t / 20));
}

/* A sensor of the fake board: what it does when it has a new value, at time t. */
struct sensor {
	double update;
	void (*renew)(const struct sensor *s, double t);
};

static void renew_power(const struct sensor *s, double t)
{
	fake_put("hwmon/hwmon0/power1_input", "%.0f",
		 (planted(t) - planted(t - s->update)) / s->update * 1e6);
}

/* 12 V; the current in mA */
static void renew_current(const struct sensor *s, double t)
{
	fake_put("hwmon/hwmon0/curr1_input", "%.0f",
		 (planted(t) - planted(t - s->update)) / s->update / 12 * 1e3);
}

static void renew_energy(const struct sensor *s, double t)
{
	(void)s;
	fake_put("hwmon/hwmon0/energy1_input", "%.0f", planted(t) * 1e6 + 5e9);
}

#define RANGE 262143328850.0
/* Near its end, so that it wraps in the middle of the window. */
static void renew_powercap(const struct sensor *s, double t)
{
	(void)s;
	fake_put("powercap/intel-rapl:0/energy_uj", "%.0f",
		 fmod(planted(t) * 1e6 + RANGE - 130e6, RANGE));
}

/* Runs the board from shortly before the window, at 30 s, until its end. */
static struct mea_meter *run(struct mea_meters *l, const struct sensor *s, double window)
{
	double begin = 30.0123, end = begin + window, at = begin;
	double next = begin - 2.4 * s->update;

	for (; next < begin; next += s->update)
		s->renew(s, next);
	mea_meters_begin(l, begin);
	while (at < end) {
		at += mea_meters_period(l);
		for (; next < at; next += s->update)
			s->renew(s, next);
		mea_meters_sample(l, at);
	}
	mea_meters_end(l, at);
	return &l->meter[0];
}

static void check(const struct mea_meter *m, double begin)
{
	struct mea_reading r;
	double true_joules = planted(m->track.ended) - planted(begin);

	mea_meter_reading(m, &r);
	cr_assert_str_empty(m->trouble);
	cr_assert_float_eq(r.joules / true_joules, 1, 0.01, "%g J, planted %g J", r.joules,
			   true_joules);
	cr_assert_gt(r.updates, 3);
}

static void power_of(double update, const char *interval, double window)
{
	struct sensor s = {update, renew_power};
	struct mea_meters *l;

	fake_put("hwmon/hwmon0/name", "ina226_u76");
	fake_put("hwmon/hwmon0/power1_input", "1");
	if (interval)
		fake_put("hwmon/hwmon0/update_interval", "%s", interval);
	cr_assert_eq(mea_meters_open(fake_root, &l), 0);
	cr_assert_eq(l->n, 1);
	check(run(l, &s, window), 30.0123);
	mea_meters_close(l);
}

Test(meter, new_every_2_ms)
{
	power_of(0.0022, "2", 3);
}

Test(meter, new_every_35_ms)
{
	power_of(0.035, "35", 10);
}

Test(meter, new_every_2_s)
{
	power_of(2.253, "2253", 60);
}

Test(meter, does_not_say_how_often_it_is_new)
{
	power_of(0.035, NULL, 10);
}

Test(meter, current_and_voltage)
{
	struct sensor s = {0.035, renew_current};
	struct mea_meters *l;

	fake_put("hwmon/hwmon0/name", "irps5401");
	fake_put("hwmon/hwmon0/curr1_input", "1");
	fake_put("hwmon/hwmon0/curr1_label", "iout1");
	/* The right one is found by its label: in1 is another rail. */
	fake_put("hwmon/hwmon0/in1_input", "3300");
	fake_put("hwmon/hwmon0/in1_label", "vin");
	fake_put("hwmon/hwmon0/in2_input", "12000");
	fake_put("hwmon/hwmon0/in2_label", "vout1");
	fake_put("hwmon/hwmon0/update_interval", "35");
	cr_assert_eq(mea_meters_open(fake_root, &l), 0);
	cr_assert_eq(l->n, 1);
	cr_assert_str_eq(l->meter[0].rail, "irps5401 iout1");
	cr_assert_str_eq(l->meter[0].sensor, "hwmon/hwmon0/curr1_input");
	check(run(l, &s, 10), 30.0123);
	mea_meters_close(l);
}

Test(meter, energy_counter)
{
	struct sensor s = {1.0, renew_energy};
	struct mea_meters *l;

	/* Where energy is counted, the power of the same input is not asked. */
	fake_put("hwmon/hwmon0/power1_input", "1");
	fake_put("hwmon/hwmon0/energy1_input", "1");
	cr_assert_eq(mea_meters_open(fake_root, &l), 0);
	cr_assert_eq(l->n, 1);
	cr_assert_eq(l->meter[0].kind, MEA_METER_ENERGY);
	check(run(l, &s, 30), 30.0123);
	mea_meters_close(l);
}

Test(meter, powercap_wraps)
{
	struct sensor s = {0.001, renew_powercap};
	struct mea_meters *l;

	fake_put("powercap/intel-rapl:0/name", "package-0");
	fake_put("powercap/intel-rapl:0/energy_uj", "1");
	fake_put("powercap/intel-rapl:0/max_energy_range_uj", "%.0f", RANGE);
	fake_put("powercap/intel-rapl/enabled", "1");
	cr_assert_eq(mea_meters_open(fake_root, &l), 0);
	cr_assert_eq(l->n, 1);
	cr_assert_str_eq(l->meter[0].rail, "package-0");
	check(run(l, &s, 5), 30.0123);
	/* Else the test shows nothing. */
	cr_assert(planted(30.0123) < 130 && planted(35) > 130, "it wraps in the window");
	mea_meters_close(l);
}

/* A window in which power1_input always reads this, but for what each test does to it. */
static struct mea_meters *simple(const char *first)
{
	struct mea_meters *l;

	fake_put("hwmon/hwmon3/name", "ina260");
	fake_put("hwmon/hwmon3/power1_input", "%s", first);
	cr_assert_eq(mea_meters_open(fake_root, &l), 0);
	cr_assert_eq(l->n, 1);
	return l;
}

static void no_figure(struct mea_meters *l, const char *why)
{
	struct mea_reading r;

	mea_meter_reading(&l->meter[0], &r);
	cr_assert(isnan(r.watts) && isnan(r.joules), "%g W", r.watts);
	cr_assert(strstr(l->meter[0].trouble, why), "'%s' lacks '%s'", l->meter[0].trouble, why);
	mea_meters_close(l);
}

static void window(struct mea_meters *l, const char *second, double seconds)
{
	mea_meters_begin(l, 0);
	for (double t = 0.1; t < seconds; t += 0.1) {
		if (second)
			fake_put("hwmon/hwmon3/power1_input", "%s", second);
		mea_meters_sample(l, t);
	}
	mea_meters_end(l, seconds);
}

Test(meter, stuck)
{
	struct mea_meters *l = simple("4000000");

	window(l, NULL, 10);
	no_figure(l, "power1_input: reads 4000000 for 10.0 s: stuck");
}

Test(meter, got_stuck)
{
	struct mea_meters *l = simple("4000000");

	window(l, "5000000", 10);
	no_figure(l, "stuck");
}

Test(meter, window_too_short)
{
	struct mea_meters *l = simple("4000000");

	window(l, "5000000", 1);
	no_figure(l, "0 new values in 1 s are too few");
}

Test(meter, negative)
{
	struct mea_meters *l = simple("4000000");

	window(l, "-5", 10);
	no_figure(l, "power1_input: reads -5");
}

Test(meter, no_number)
{
	struct mea_meters *l = simple("4000000");

	window(l, "4 W", 10);
	no_figure(l, "'4 W' is no number");
}

Test(meter, empty)
{
	struct mea_meters *l = simple("4000000");

	window(l, "", 10);
	no_figure(l, "'' is no number");
}

Test(meter, a_gigawatt)
{
	struct mea_meters *l = simple("4000000");

	window(l, "1000000000000000", 10);
	no_figure(l, "power1_input: reads 1000000000000000 uW");
}

Test(meter, vanished)
{
	struct mea_meters *l = simple("4000000");

	mea_meters_begin(l, 0);
	cr_assert_eq(unlink(fake_path("hwmon/hwmon3/power1_input")), 0);
	mea_meters_sample(l, 1);
	mea_meters_end(l, 2);
	no_figure(l, "power1_input: the sensor has vanished");
}

Test(meter, comes_back)
{
	struct mea_meters *l = simple("4000000");
	struct mea_reading r;

	window(l, "x", 10);
	fake_put("hwmon/hwmon3/power1_input", "5000000");
	mea_meters_begin(l, 0);
	for (int i = 1; i <= 40; i++) {
		fake_put("hwmon/hwmon3/power1_input", "%d", 5000000 + i % 2 * 1000000);
		mea_meters_sample(l, 0.1 * i);
	}
	mea_meters_end(l, 4);
	mea_meter_reading(&l->meter[0], &r);
	cr_assert_float_eq(r.watts, 5.5, 0.1);
	mea_meters_close(l);
}

Test(meter, unreadable)
{
	struct mea_meters *l;

	fake_put("hwmon/hwmon3/power1_input/not_a_file", "1");
	cr_assert_eq(mea_meters_open(fake_root, &l), 0);
	no_figure(l, "power1_input: cannot be read: Is a directory");
}

Test(meter, permission_denied)
{
	struct mea_meters *l;

	fake_put("powercap/intel-rapl:0/energy_uj", "5");
	cr_assert_eq(chmod(fake_path("powercap/intel-rapl:0/energy_uj"), 0), 0);
	cr_assert(geteuid() != 0 || !seteuid(65534));
	cr_assert_eq(mea_meters_open(fake_root, &l), 0);
	cr_assert_eq(getuid() != 0 || !seteuid(0), 1);
	no_figure(l, "energy_uj: permission denied; since Linux 5.10");
}

Test(meter, counter_went_back)
{
	struct mea_meters *l;

	fake_put("hwmon/hwmon0/energy1_input", "5000");
	cr_assert_eq(mea_meters_open(fake_root, &l), 0);
	mea_meters_begin(l, 0);
	fake_put("hwmon/hwmon0/energy1_input", "4000");
	mea_meters_end(l, 1);
	no_figure(l, "energy1_input: went back from 5000 to 4000");
}

Test(meter, counter_over_its_range)
{
	struct mea_meters *l;

	fake_put("powercap/intel-rapl:0/energy_uj", "50000");
	fake_put("powercap/intel-rapl:0/max_energy_range_uj", "100");
	cr_assert_eq(mea_meters_open(fake_root, &l), 0);
	mea_meters_begin(l, 0);
	fake_put("powercap/intel-rapl:0/energy_uj", "50");
	mea_meters_end(l, 1);
	no_figure(l, "over its own range of 100");
}

Test(meter, none)
{
	struct mea_meters *l;

	cr_assert_eq(mea_meters_open(fake_root, &l), 0);
	cr_assert_eq(l->n, 0);
	mea_meters_close(l);
	cr_assert_eq(mea_meters_open("/nowhere", &l), 0);
	cr_assert_eq(l->n, 0);
	mea_meters_close(l);
}

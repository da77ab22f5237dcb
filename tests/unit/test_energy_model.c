// SPDX-License-Identifier: Apache-2.0
/* The models of energy: the arithmetic is exact, the paper's figures come out, bad files are named.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "backend/accel/accel.h"
#include "bench/model.h"

static struct mea_radio_model radio(const char *name)
{
	struct mea_radio_model r;

	cr_assert_eq(mea_radio_model_load(NULL, name, &r), 0, "%s", mea_errmsg());
	return r;
}

/* Table VII of the MEANet paper, from its inputs: 3072 and 150528 bytes at 18.88 Mb/s. */
Test(model, radio_of_the_paper)
{
	struct mea_radio_model r = radio("wifi");

	cr_assert_float_eq(mea_radio_watts(&r), 5.48, 0.005);
	cr_assert_float_eq(mea_radio_ms(&r, 3072, 0), 1.3, 0.005);
	cr_assert_float_eq(mea_radio_mj(&r, 3072, 0), 7.12, 0.02);
	cr_assert_float_eq(mea_radio_ms(&r, 150528, 0), 63.7, 0.1);
	cr_assert_float_eq(mea_radio_mj(&r, 150528, 0), 349, 0.8);
	/* It counts no answers and no tail. */
	cr_assert_eq(mea_radio_mj(&r, 100, 5000), mea_radio_mj(&r, 100, 0));
	cr_assert_eq(mea_radio_tail_mj(&r, INFINITY), 0);
}

Test(model, radio_with_tail)
{
	struct mea_radio_model r = radio("lte");

	cr_assert_float_eq(mea_radio_tail_mj(&r, INFINITY), 11.6 * 1060, 1e-9);
	cr_assert_float_eq(mea_radio_tail_mj(&r, 2), 2 * 1060, 1e-9);
	cr_assert_float_eq(mea_radio_mj(&r, 1000, 0), (5.64 * 438.39 + 1288.04) * 8e-3 / 5.64,
			   1e-9);
	cr_assert_float_eq(mea_radio_mj(&r, 0, 1000), (12.74 * 51.97 + 1288.04) * 8e-3 / 12.74,
			   1e-9);
	cr_assert_float_eq(mea_radio_ms(&r, 1000, 1000), 8 / 5.64 + 8 / 12.74, 1e-9);
}

Test(model, sum_is_events_times_table)
{
	struct mea_accel_model m;
	uint64_t events[MEA_EVENTS];
	double mj = 0;

	cr_assert_eq(mea_accel_model_load(NULL, "asic-45nm", &m), 0, "%s", mea_errmsg());
	for (int i = 0; i < MEA_EVENTS; i++) {
		events[i] = 1000003 * (uint64_t)(i + 1);
		mj += (double)events[i] * 1e-9 * m.pj[i].mj;
	}
	cr_assert_eq(mea_accel_energy(&m, events).mj, mj);
	cr_assert_leq(mea_accel_energy(&m, events).low, mj);
	cr_assert_geq(mea_accel_energy(&m, events).high, mj);
	/* One event alone costs its own entry. */
	for (int i = 0; i < MEA_EVENTS; i++) {
		memset(events, 0, sizeof(events));
		events[i] = 1000000000;
		cr_assert_float_eq(mea_accel_energy(&m, events).mj, m.pj[i].mj, 1e-12, "%s",
				   mea_event_key((enum mea_event)i));
	}
	/* B.4 of the literature: an int8 MAC 0.3 pJ. */
	cr_assert_eq(m.pj[MEA_EVENT_MAC].mj, 0.3);
	cr_assert(isnan(m.static_mw), "unknown is not 0");
}

/* The FPGA's figures are its derivation applied to the 45 nm ones. */
Test(model, fpga_follows_its_derivation)
{
	struct mea_accel_model asic, fpga;
	double scale = 28.0 / 45 * (1.0 / 0.9) * (1.0 / 0.9) * 14;

	cr_assert_eq(mea_accel_model_load(NULL, "asic-45nm", &asic), 0);
	cr_assert_eq(mea_accel_model_load(NULL, "fpga-28nm", &fpga), 0, "%s", mea_errmsg());
	for (int i = 0; i < MEA_EVENTS; i++) {
		double s = i == MEA_EVENT_BUS_READ || i == MEA_EVENT_BUS_WRITE ? 1 : scale;

		cr_assert_float_eq(fpga.pj[i].mj / (asic.pj[i].mj * s), 1, 0.005, "%s",
				   mea_event_key((enum mea_event)i));
	}
}

/* A record's words and beats become bytes and values of this configuration. */
Test(model, events_of_a_record)
{
	struct mea_hw hw = {.rows = 8, .cols = 16, .lanes = 16, .axi_bytes = 8, .dw_taps = 3};
	uint32_t r[MEA_RECORD_BYTES / 4] = {0};
	struct mea_run_stats st = {0};

	r[MEA_REC_CYCLES] = 100;
	r[MEA_REC_COUNTERS + MEA_COUNT_MAC] = 10;
	r[MEA_REC_DW_CYCLES] = 5;
	r[MEA_REC_ACT_READS] = 7;
	r[MEA_REC_ACT_WRITES] = 6;
	r[MEA_REC_WGT_READS] = 4;
	r[MEA_REC_ACC_UPDATES] = 3;
	r[MEA_REC_REQUANTS] = 2;
	r[MEA_REC_RD_BEATS] = 11;
	r[MEA_REC_WR_BEATS] = 12;
	mea_accel_record(&hw, r, &st);
	cr_assert_eq(st.cost.events[MEA_EVENT_MAC], 10 * 8 * 16 + 5 * 16 * 3);
	cr_assert_eq(st.cost.events[MEA_EVENT_ACT_READ], 7 * 16);
	cr_assert_eq(st.cost.events[MEA_EVENT_ACT_WRITE], 6 * 16);
	cr_assert_eq(st.cost.events[MEA_EVENT_WGT_READ], 4 * 32);
	cr_assert_eq(st.cost.events[MEA_EVENT_ACCUMULATE], 3 * 16);
	cr_assert_eq(st.cost.events[MEA_EVENT_REQUANTISE], 2 * 16);
	cr_assert_eq(st.cost.events[MEA_EVENT_BUS_READ], st.bytes_read);
	cr_assert_eq(st.cost.events[MEA_EVENT_BUS_WRITE], st.bytes_written);
}

/* --- files of others -------------------------------------------------------------- */

static void refused(const char *text, bool accel, int code, const char *why)
{
	char path[] = "/tmp/mea-models-XXXXXX";
	int fd = mkstemp(path), rc;
	struct mea_accel_model a;
	struct mea_radio_model r;

	cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	rc = accel ? mea_accel_model_load(path, "x", &a) : mea_radio_model_load(path, "x", &r);
	close(fd);
	unlink(path);
	cr_assert_eq(rc, code, "%d", rc);
	cr_assert(strstr(mea_errmsg(), why), "'%s' lacks '%s'", mea_errmsg(), why);
	cr_assert(strstr(mea_errmsg(), path), "'%s' lacks the file", mea_errmsg());
}

Test(model, bad_files)
{
	refused("{", true, MEA_EINVAL, "line 1");
	refused("{}", true, MEA_ENOENT, "no 'x' among the accelerators: there are none");
	refused("{\"radios\": {\"y\": {}}}", false, MEA_ENOENT, "among the radios: y");
	refused("{\"radios\": {\"x\": {}}}", false, MEA_EINVAL, "radios.x.up_mbps: must be");
	refused("{\"radios\": {\"x\": {\"up_mbps\": 0}}}", false, MEA_EINVAL, "must be over 0");
	refused("{\"accelerators\": {\"x\": {\"clock_mhz\": -1}}}", true, MEA_EINVAL,
		"accelerators.x.clock_mhz: must be a number of at least 0");
	refused("{\"accelerators\": {\"x\": {\"clock_mhz\": 1, \"static_mw\": null,"
		"\"events\": {\"mac\": {\"pj\": \"a\"}}}}}",
		true, MEA_EINVAL, "accelerators.x.events.mac.pj: must be");
	refused("{\"accelerators\": {\"x\": {\"clock_mhz\": 1, \"static_mw\": null,"
		"\"events\": {\"mac\": {\"pj\": 1}}}}}",
		true, MEA_EINVAL, "events.mac.source: must say");
	refused("{\"accelerators\": {\"x\": {\"clock_mhz\": 1, \"static_mw\": null,"
		"\"events\": {\"mac\": {\"pj\": 1, \"low\": 2, \"source\": \"s\"}}}}}",
		true, MEA_EINVAL, "is not between low and high");
}

Test(model, unknown_names)
{
	struct mea_accel_model a;
	struct mea_radio_model r;

	cr_assert_eq(mea_accel_model_load(NULL, "3nm", &a), MEA_ENOENT);
	cr_assert(strstr(mea_errmsg(), "asic-45nm fpga-28nm"), "%s", mea_errmsg());
	cr_assert_eq(mea_radio_model_load(NULL, "5g", &r), MEA_ENOENT);
	cr_assert(strstr(mea_errmsg(), "wifi wifi-psm lte"), "%s", mea_errmsg());
	cr_assert_eq(mea_radio_model_load("/nowhere.json", "lte", &r), MEA_EINVAL);
	cr_assert(strstr(mea_errmsg(), "/nowhere.json"), "%s", mea_errmsg());
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What tests and `mea trace` use of the accel backend beyond backend.h. */
#ifndef MEA_BACKEND_ACCEL_H
#define MEA_BACKEND_ACCEL_H

#include "backend/backend.h"
#include "device/device.h"

/* As prepare(), with a record per layer when profile is set. */
int mea_accel_prepare(struct mea_backend *b, const struct mea_qnet *net, bool profile,
		      struct mea_exec **out);

/* Of a prepared exec; they live as long as it. */
const struct mea_plan *mea_accel_plan(const struct mea_exec *e);
const struct mea_hw *mea_accel_hw(const struct mea_exec *e);
struct mea_device *mea_accel_device(const struct mea_exec *e);

/* Cycles that a job of e, prepared without profile, takes at most on such a bus, and how many more
 * if the job before was another client's. */
int mea_accel_bound(const struct mea_exec *e, const struct mea_bus *bus, uint64_t *cycles,
		    uint64_t *scrub);

/* As wait(), and copies the n_records + 1 records (MEA_RECORD_BYTES each, the
 * job's first) to records unless it is NULL. */
int mea_accel_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *stats,
		   uint32_t *records);

/* A command as its engine executed it in a job; cycles are of the job, from 0. */
struct mea_accel_command {
	struct mea_log_command log;
	/* An engine takes commands ahead. From here on this one is the next to be complete: it was
	 * taken, and the one before is complete. */
	uint32_t next;
	struct mea_command is;
};

/* What the engines did in a job. A zeroed one is a valid start of begin and free. */
struct mea_accel_log {
	struct mea_device_log device;
	struct mea_accel_command *command; /* device.n_commands, in its order; owned */
};

/* Begins a log, of the exec's job that starts last until the end. MEA_EUNSUPPORTED when the device
 * cannot tell. */
int mea_accel_log_begin(struct mea_exec *e, struct mea_accel_log *log);
/* Ends it, when the job is complete, and finds what its commands mean. MEA_EDEVICE when the log is
 * not whole. */
int mea_accel_log_end(struct mea_exec *e, struct mea_accel_log *log);
void mea_accel_log_free(struct mea_accel_log *log);

/* Cycles, stall classes, bytes and events of a record. */
void mea_accel_record(const struct mea_hw *hw, const uint32_t *record, struct mea_run_stats *st);

#endif

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

/* As wait(), and copies the n_records + 1 records (MEA_RECORD_BYTES each, the
 * job's first) to records unless it is NULL. */
int mea_accel_wait(struct mea_job *job, int timeout_ms, struct mea_run_stats *stats,
		   uint32_t *records);

/* Cycles, stall classes, bytes and events of a record. */
void mea_accel_record(const struct mea_hw *hw, const uint32_t *record, struct mea_run_stats *st);

#endif

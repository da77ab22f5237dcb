/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model prepared on one backend, with lanes: a lane is a set of buffers that
 * one image uses from its first job to its answer. One thread uses an engine.
 */
#ifndef MEA_ENGINE_H
#define MEA_ENGINE_H

#include "backend/registry.h"
#include "meanet/model.h"

struct mea_engine;

/*
 * Opens the first of n choices and prepares m (borrowed) on it, with n_lanes lanes. Layers that
 * it refuses go to the next choice that takes all of these, and a note says so.
 */
int mea_engine_open(const struct mea_choice *choices, int n, const struct mea_model *m, int n_lanes,
		    struct mea_engine **out);

/* As mea_backend_name(). */
const char *mea_engine_name(const struct mea_engine *e);

/*
 * Closes e; NULL is fine. Jobs that never ended keep their memory, and with it
 * the backend: the device might still write there.
 */
void mea_engine_close(struct mea_engine *e);

/* Takes a free lane, -1 when there is none; gives one back. */
int mea_engine_take(struct mea_engine *e);
void mea_engine_give(struct mea_engine *e, int lane);
int mea_engine_taken(const struct mea_engine *e); /* how many are */

/* Quantises the image into the lane's buffers, and starts main or extension.
 * MEA_EBUSY when the backend takes no more jobs now. */
int mea_engine_load(struct mea_engine *e, int lane, const uint8_t *rgb);
int mea_engine_start(struct mea_engine *e, int lane, enum mea_net net);

/* As mea_backend_ops.wait_fd, for the lane's job. */
int mea_engine_wait_fd(struct mea_engine *e, int lane);

/*
 * Waits for the lane's job. MEA_ETIMEDOUT with timeout_ms >= 0: not yet. With
 * -1 it means that the backend gave up; the lane is then lost and must not be
 * given back.
 */
int mea_engine_wait(struct mea_engine *e, int lane, int timeout_ms, struct mea_run_stats *stats);

/* The logits of the network that ran last in the lane; they live in e until the
 * next call. */
int mea_engine_logits(struct mea_engine *e, int lane, enum mea_net net, const float **logits);

/* Copies main's features as it left them in the lane, int8 NHWC, to out. */
int mea_engine_features(struct mea_engine *e, int lane, int8_t *out);

#endif

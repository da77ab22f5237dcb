/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model prepared on one backend, with buffer sets: one image uses a set from its first job to
 * its answer. One thread uses a prepared model.
 */
#ifndef MEA_PREPARED_H
#define MEA_PREPARED_H

#include "backend/registry.h"
#include "meanet/model.h"

/* Buffer sets that a session has where nobody asks for another number. */
#define MEA_JOBS_DEFAULT 2

struct mea_prepared;

/*
 * Opens the first of n choices and prepares m (borrowed) on it, with n_sets buffer sets. Layers
 * that it refuses go to the next choice that takes all of these, and a note says so.
 */
int mea_prepared_open(const struct mea_choice *choices, int n, const struct mea_model *m,
		      int n_sets, struct mea_prepared **out);

/* As mea_backend_name(). */
const char *mea_prepared_name(const struct mea_prepared *e);

/* The name of the backend that computes a layer of a network of the model. */
const char *mea_prepared_where(const struct mea_prepared *e, enum mea_net net, int layer);

/*
 * Closes e; NULL is fine. Jobs that never ended keep their memory, and with it
 * the backend: the device might still write there.
 */
void mea_prepared_close(struct mea_prepared *e);

/* Takes a free buffer set, -1 when there is none; gives one back. */
int mea_prepared_take(struct mea_prepared *e);
void mea_prepared_give(struct mea_prepared *e, int set);
int mea_prepared_taken(const struct mea_prepared *e); /* how many are */

/* Quantises the image into the set's buffers, and starts main or extension.
 * MEA_EBUSY when the backend takes no more jobs now. */
int mea_prepared_load(struct mea_prepared *e, int set, const uint8_t *rgb);
int mea_prepared_start(struct mea_prepared *e, int set, enum mea_net net);

/* As mea_backend_ops.wait_fd, for the set's job. */
int mea_prepared_wait_fd(struct mea_prepared *e, int set);

/*
 * Waits for the set's job. MEA_ETIMEDOUT with timeout_ms >= 0: not yet. With
 * -1 it means that the backend gave up; the set is then lost and must not be
 * given back.
 */
int mea_prepared_wait(struct mea_prepared *e, int set, int timeout_ms, struct mea_run_stats *stats);

/* The logits of the network that ran last in the set; they live in e until the
 * next call. */
int mea_prepared_logits(struct mea_prepared *e, int set, enum mea_net net, const float **logits);

/* Copies main's features as it left them in the set, int8 NHWC, to out. */
int mea_prepared_features(struct mea_prepared *e, int set, int8_t *out);

#endif

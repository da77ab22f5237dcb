/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a training in a file, from which it goes on bit for bit. */
#ifndef MEA_TRAIN_CHECKPOINT_H
#define MEA_TRAIN_CHECKPOINT_H

#include <stdint.h>

#include "train/params.h"

#define MEA_CKPT_SETS 2

enum mea_compress_choice { MEA_UNDECIDED, MEA_WHOLE, MEA_COMPRESSED };

struct mea_progress {
	int64_t epoch, step; /* the next step */
	int64_t seen, right; /* of this epoch so far */
	double loss_sum;     /* likewise, summed over images */
	int64_t compress;    /* enum mea_compress_choice of a recipe that measures */
};

struct mea_checkpoint {
	const char *recipe; /* all that decides the result, as text; must be equal to go on */
	struct mea_params *sets[MEA_CKPT_SETS]; /* NULL: none */
	struct mea_progress at;
	void *extra; /* more that decides what follows: all ranks' residues, or grids */
	size_t extra_bytes;
};

/* Writes c to path: to a file beside it first, which then takes its name. Whatever
 * goes wrong, an earlier checkpoint of that name stays whole. */
int mea_checkpoint_save(const char *path, const struct mea_checkpoint *c);

/* Fills c->sets, c->extra and c->at from path. MEA_ENOENT when there is none; MEA_EINVAL for a
 * damaged file and for one of another recipe, in which case nothing of c has changed. */
int mea_checkpoint_load(const char *path, struct mea_checkpoint *c);

#endif

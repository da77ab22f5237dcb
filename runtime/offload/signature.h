/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs and outputs of a model, as the protocol tells of them. */
#ifndef MEA_OFFLOAD_SIGNATURE_H
#define MEA_OFFLOAD_SIGNATURE_H

#include "graph/graph.h"

#define MEA_IO_MAX 8

/* An input or output of a model. */
struct mea_io {
	char name[128];
	enum mea_dtype type;
	struct mea_shape shape; /* of one item: the first dimension is 1 when batched */
	bool batched;		/* the first dimension counts items and is free */
	size_t bytes;		/* of one item */
};

struct mea_signature {
	int n_in, n_out;
	struct mea_io in[MEA_IO_MAX], out[MEA_IO_MAX];
	bool batched; /* all inputs and outputs are, so requests may be joined */
};

/* What g takes and gives. MEA_EUNSUPPORTED when it has too many inputs or outputs, or a name that
 * is too long. */
int mea_signature_of(const struct mea_graph *g, struct mea_signature *io);

#endif

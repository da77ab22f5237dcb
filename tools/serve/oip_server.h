/* SPDX-License-Identifier: Apache-2.0 */
/* The server's half of the protocol: a stranger's body to tensors, outputs to a body. */
#ifndef MEA_SERVE_OIP_SERVER_H
#define MEA_SERVE_OIP_SERVER_H

#include "offload/oip.h"

struct mea_oip_want {
	int output; /* index in the signature */
	bool binary;
};

struct mea_oip_request {
	json_t *id; /* a string or NULL */
	int items;  /* of the batch; 1 when the model is not batched */
	void *in[MEA_IO_MAX];
	struct mea_oip_want want[MEA_IO_MAX];
	int n_want;
	uint64_t timeout_us; /* 0: none */
};

/*
 * Parses the body of an infer request to a model with signature io. json_bytes is
 * what the header MEA_OIP_JSON_LENGTH says: 0 for a raw request, MEA_OIP_ALL_JSON
 * without the header. max_items limits the batch. Fails with MEA_EINVAL and a
 * sentence for the caller; *r is then empty.
 */
int mea_oip_request_parse(const struct mea_signature *io, int max_items, const void *body,
			  size_t size, long long json_bytes, struct mea_oip_request *r);

/* The same for a body that is a PNG: the model's one input must be a UINT8 image of its size, as
 * pixels or as planes. */
int mea_oip_request_png(const struct mea_signature *io, const void *body, size_t size,
			struct mea_oip_request *r);

/* Frees what r holds; a zeroed struct is fine. */
void mea_oip_request_free(struct mea_oip_request *r);

/*
 * The answer to r, whose outputs are out[] (by signature): a body of *size bytes,
 * of which *json_bytes are JSON (MEA_OIP_ALL_JSON when all are). The caller frees
 * *body.
 */
int mea_oip_response(const char *model, const char *version, const struct mea_signature *io,
		     const struct mea_oip_request *r, void *const *out, void **body, size_t *size,
		     long long *json_bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Open Inference Protocol v2 as data: what stands in a request and an answer,
 * in JSON and in the binary tensor extension. Nothing here does any I/O.
 */
#ifndef MEA_OFFLOAD_OIP_H
#define MEA_OFFLOAD_OIP_H

#include <jansson.h>

#include "offload/signature.h"

/* The header that tells how many of a body's bytes are JSON; the rest are tensors. */
#define MEA_OIP_JSON_LENGTH "Inference-Header-Content-Length"
#define MEA_OIP_BINARY	    "binary_tensor_data"
/* mea's own extension: a raw request may be a picture of this media type. */
#define MEA_OIP_PNG	 "image_png"
#define MEA_OIP_PNG_TYPE "image/png"
/* The body has no such header: it is JSON as a whole. */
#define MEA_OIP_ALL_JSON (-1)
/* JSON arrays in tensors nest at most so deep. */
#define MEA_OIP_DEPTH 100

/* "FP32"; NULL for a name that no mea_dtype has, -1 likewise. */
const char *mea_oip_type_name(enum mea_dtype type);
int mea_oip_type_find(const char *name);

/* Parses a header's whole number: 0 or more, -1 when it is none. */
long long mea_oip_length(const char *text);

/* Parses one JSON document that fills all size bytes; NULL and an error naming `what`. */
json_t *mea_oip_json(const void *data, size_t size, const char *what);

/* --- a model's metadata ------------------------------------------------------ */

/* The metadata object of a model, as a new reference; versions may be NULL. */
json_t *mea_oip_metadata(const char *name, const char *platform, const struct mea_signature *io,
			 json_t *versions);

/* --- JSON tensors ------------------------------------------------------------------- */

/* Reads numbers or booleans, nested or flat, in row-major order into out. */
int mea_oip_data_read(const json_t *data, const char *tensor, enum mea_dtype type, size_t count,
		      void *out);

/* A flat list of the tensor's elements, as a new reference; NULL without memory. What JSON cannot
 * say (NaN, infinities) becomes null. */
json_t *mea_oip_data_write(enum mea_dtype type, size_t count, const void *in);

/* Reads a list of dimensions, at most MEA_RANK_MAX, each at least min. */
int mea_oip_shape(const json_t *list, const char *tensor, int64_t min, struct mea_shape *s);

/* --- images or features, for the client ------------------------------------------------------ */

/* What is sent of an image: its own bytes (MEA_U8, 3 channels), or main's features (MEA_I8). */
struct mea_oip_item {
	enum mea_dtype type; /* one byte an element */
	int height, width, channels;
};

size_t mea_oip_item_bytes(const struct mea_oip_item *item);

/* The ways to send it, the shortest first. */
enum mea_oip_form { MEA_FORM_PNG, MEA_FORM_RAW, MEA_FORM_BINARY, MEA_FORM_JSON };

/* What a server said about its model, as far as an image needs it. */
struct mea_oip_target {
	char input[128], output[128];
	struct mea_shape shape; /* of the request: one image */
	bool planes;		/* the model wants planes (CHW), not pixels (HWC) */
	int classes;
	enum mea_dtype type; /* of the input */
	enum mea_oip_form form;
};

/*
 * Fills t from a model's metadata, or fails when the model is not what is needed: one input of
 * item's type and shape, as pixels or as planes, and one float output with `classes` values
 * for each. binary: the server announced the binary extension.
 */
int mea_oip_target_parse(const json_t *metadata, const struct mea_oip_item *item, int classes,
			 bool binary, struct mea_oip_target *t);

/* The body of a request with one input of `bytes` bytes, and its JSON part's length; timeout_us
 * 0: none. A raw body has no place for it, a header carries it then. The caller frees *body. */
int mea_oip_ask(const struct mea_oip_target *t, const void *data, size_t bytes, uint64_t timeout_us,
		void **body, size_t *size, long long *json_bytes);

/* An image of height x width x RGB bytes as a PNG, which the caller frees. */
int mea_oip_png_write(const void *rgb, int height, int width, void **body, size_t *size);

/* Reads the logits, t->classes of them, from an answer. */
int mea_oip_answer(const struct mea_oip_target *t, const void *body, size_t size,
		   long long json_bytes, float *logits);

#endif

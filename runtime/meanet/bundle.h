/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model bundle: the folder of bundle.json and ONNX files that models/README.md
 * describes. This reads and writes the description and vouches for the files;
 * what is in the ONNX files is model.h's business.
 */
#ifndef MEA_BUNDLE_H
#define MEA_BUNDLE_H

#include <jansson.h>
#include <stdbool.h>

#define MEA_SHA256_HEX 65

enum mea_net { MEA_NET_MAIN, MEA_NET_EXTENSION, MEA_NET_CLOUD, MEA_NETS };
enum mea_variant { MEA_FLOAT, MEA_INT8, MEA_VARIANTS };

struct mea_bundle_file {
	char *name; /* in the bundle's folder; NULL: the bundle has none; owned */
	char sha256[MEA_SHA256_HEX];
};

struct mea_bundle {
	char *dir;
	const char *name; /* lives in json */
	const char **classes;
	int n_classes;
	int width, height;
	float mean[3], std[3]; /* of pixel / 255, in the order of the networks' channels: */
	bool bgr;	       /* B, G, R; else R, G, B */
	int *hard;	       /* class of each of the extension's outputs */
	int n_hard;
	int *hard_index; /* n_classes: the extension's output, -1 for easy ones */
	double mu_correct, mu_wrong;
	double threshold; /* entropy in nats; infinite when the bundle gives none */
	struct mea_bundle_file files[MEA_NETS][MEA_VARIANTS];
	json_t *json; /* the whole document, so that saving keeps what is unknown here */
};

/* "main", "extension", "cloud"; "float", "int8". */
const char *mea_net_name(enum mea_net net);
const char *mea_variant_name(enum mea_variant v);

/* The folder that a user means by name: itself, or, where there is no such file and it is a name
 * alone, the installed bundle of that name. *out is the caller's. */
int mea_bundle_find(const char *name, char **out);

/*
 * Reads dir/bundle.json and checks all of it, but does not open the model files.
 * An error names the file and the field.
 */
int mea_bundle_load(const char *dir, struct mea_bundle **out);

/* The same for a document that is in memory, for folder dir; takes the reference,
 * also on failure. */
int mea_bundle_from_json(const char *dir, json_t *json, struct mea_bundle **out);

/* Frees b; NULL is fine. */
void mea_bundle_free(struct mea_bundle *b);

/*
 * The path of a model file whose SHA-256 was just found right; the caller frees
 * it. MEA_ENOENT when the bundle has no such file.
 */
int mea_bundle_path(const struct mea_bundle *b, enum mea_net net, enum mea_variant v, char **path);

/* Writes bundle.json, whole or not at all. (bundle_edit.h is for changes.) */
int mea_bundle_save(const struct mea_bundle *b);

/* SHA-256 of a file in hexadecimal. */
int mea_sha256_file(const char *path, char hex[MEA_SHA256_HEX]);

#endif

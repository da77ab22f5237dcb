/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients that take less of the link between ranks: each rank sends the most pressing elements
 * only, as signs with one magnitude a tensor, and keeps what it owes as residue.
 *
 * AdaComp (Chen et al., AAAI 2018, arXiv 1712.02679): a tensor is cut into bins of neighbours in
 * ONNX's order. With G = residue + gradient g, an element is sent when |G + (factor - 1) g| reaches
 * its bin's largest |G|; a bin of zeros sends nothing. The magnitude is the mean of these maxima.
 * Top-k sends the elements of largest |G|, with their mean magnitude. Vectors (biases, batch norms)
 * are sent whole.
 */
#ifndef MEA_TRAIN_COMPRESS_H
#define MEA_TRAIN_COMPRESS_H

#include <stdint.h>

#include "train/params.h"
#include "train/team.h"

enum mea_compress_kind { MEA_COMPRESS_NONE, MEA_COMPRESS_ADACOMP, MEA_COMPRESS_TOPK };

struct mea_compress_options {
	enum mea_compress_kind kind;
	int conv, fc; /* AdaComp: elements of a bin, in Convs and in Gemms */
	float factor; /* AdaComp */
	float rate;   /* top-k: share of a tensor's elements that is sent */
	int dense;    /* so many epochs at the start send all */
	/* A trial of six steps decides: compression goes on if it takes a tenth less time. */
	bool measure;
};

struct mea_compress;

/* p, whose gradients are trained, and team (NULL: alone) are borrowed. Residues start as 0. */
int mea_compress_new(const struct mea_compress_options *o, struct mea_params *p,
		     struct mea_team *team, struct mea_compress **out);
void mea_compress_free(struct mea_compress *c);

/* p's gradients become the sum of what the ranks sent, the same bits on all of them. */
int mea_compress_sum(struct mea_compress *c);

/* The two halves of it: this rank's packet, borrowed until the next call; and the gradients from
 * all ranks' packets, one behind the other, of bytes[rank]. */
int mea_compress_pack(struct mea_compress *c, const uint8_t **packet, size_t *bytes);
int mea_compress_unpack(struct mea_compress *c, const uint8_t *packets, const size_t *bytes,
			int ranks);

/* This rank's residues: mea_params_trained() floats, to be written to a checkpoint and set. */
float *mea_compress_residues(struct mea_compress *c);

/* Bytes of the packets that this rank has packed, and of the same as float32. */
struct mea_compress_sent {
	int64_t steps;
	double conv, fc, other;
	double conv_whole, fc_whole, other_whole;
};
struct mea_compress_sent mea_compress_sent(const struct mea_compress *c);

#endif

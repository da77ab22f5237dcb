/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training of one network, or of an extension behind main: the loop over epochs and
 * steps, with checkpoints. What is trained for is decided by the caller (algorithm.h).
 */
#ifndef MEA_TRAIN_FIT_H
#define MEA_TRAIN_FIT_H

#include <signal.h>

#include "train/compress.h"
#include "train/grid.h"
#include "train/mem.h"
#include "train/net.h"
#include "train/set.h"
#include "train/team.h"

enum mea_schedule { MEA_ONE_CYCLE, MEA_COSINE, MEA_STEPS };

struct mea_recipe {
	int epochs, batch; /* images a step, of all ranks together */
	enum mea_schedule schedule;
	float rate; /* the highest */
	float momentum, decay;
	float smoothing;
	float average;		  /* decay of the weights' moving average, which is what
				   * counts in the end; 0: none */
	float share, temperature; /* of the teacher, where there is one */
	struct mea_augment augment;
	/* Images are seen in so many views only, in turn; a teacher answers each once. Not
	 * with mixup. 0: every epoch has new ones. */
	int views;
	uint64_t seed;
	bool bf16;
	struct mea_compress_options compress; /* of the gradients between ranks; not joint */
	struct mea_grid_options grid; /* of the network's matrices; not in a team, not joint */
	int fixed; /* layers at the front of the network that are not trained (params.h) */
};

/* The learning rate of step number `step` of `total`: one-cycle climbs for a quarter of the time
 * and then falls to 0, both linearly; cosine starts at once; steps divides by 10 after 3, 6 and 8
 * ninths, as the paper does at epochs 60, 120 and 160 of 180. */
float mea_schedule_rate(enum mea_schedule s, float top, int64_t step, int64_t total);

/* A network with the weights that are trained, or used. */
struct mea_tmodel {
	struct mea_graph *graph;
	struct mea_params *params;
	float mean[3], std[3];
};

int mea_tmodel_new(struct mea_graph *g, const float mean[3], const float std[3],
		   struct mea_tmodel *m); /* takes g, also on failure */
void mea_tmodel_free(struct mea_tmodel *m);

struct mea_report {
	int epoch, epochs;	     /* counted from 1 */
	size_t done, total;	     /* images of this epoch */
	double rate, loss, accuracy; /* mean of the epoch so far; accuracy 0..1 */
	double images_per_second;    /* since this run's start */
	double seconds_left;
	bool epoch_end;
	double held_accuracy; /* at an epoch's end; NaN when nothing is held out */
};

struct mea_fit {
	const struct mea_recipe *recipe;
	const char *what;	  /* names the training in the checkpoint: net, data */
	struct mea_tmodel *net;	  /* image (, features) -> logits; trained */
	struct mea_tmodel *front; /* image -> logits, features; NULL: none */
	bool joint; /* the front is trained as well, on the classes themselves; else it is fixed */
	struct mea_tmodel *teacher; /* image -> logits, with a map of all classes; NULL: none */
	const struct mea_pick *kept, *held;
	struct mea_team *team; /* NULL: alone; rank 0 writes the checkpoint and reports */
	const int *map;	       /* class -> target of net; NULL: itself; joint: -1 for none */
	int outputs;	       /* logits of net */
	/* A file of the teacher's answers (views.h), used and added to, and the teacher's name in
	 * it; NULL: they stay in memory. Needs views; not in a team. */
	const char *answers, *asked;
	const char *checkpoint; /* NULL: none is written */
	double checkpoint_seconds;
	bool resume;		     /* go on from the checkpoint when there is one */
	volatile sig_atomic_t *stop; /* set from outside: write a checkpoint and return */
	void (*report)(const struct mea_report *r, void *ctx);
	/* compress.measure: seconds of a step that sent all, of one that was compressed, and which
	 * way it goes on; both NaN where no network lies between the ranks, which is not tried. On
	 * rank 0; NULL: nobody asks. */
	void (*chose)(double whole, double compressed, bool compress, void *ctx);
	void *ctx;
	struct mea_compress_sent sent; /* out: this rank's packets */
	struct mea_mem memory;	       /* out: while it trained */
	int64_t steps;		       /* out: of this run */
	double bits;		       /* out: mean width of the matrices' integers; NaN: floats */
};

/* Returns 0 when all epochs are done, 1 when stopped (a checkpoint was written), or a negative
 * error. A loss that is not a number ends it, with the step in the message. In a team all ranks
 * return the same, a stop asked for on any of them stops all, and the weights are equal bit for
 * bit; they start as rank 0's. */
int mea_fit_run(struct mea_fit *f);

#define MEA_BATCH_LEAST 2

/* Bytes that f's training holds at most with its recipe, and what else is held now: it is set up,
 * counted and taken down again. */
int mea_fit_measure(struct mea_fit *f, size_t *bytes);

/*
 * Changes c, which is f's recipe, until f holds at most limit bytes: batches by half, at least 8;
 * then no momenta; then ever more layers fixed, at most all but one; then batches of at least
 * MEA_BATCH_LEAST. *bytes is what it then holds. Fails, with the figures, when nothing fits.
 */
int mea_fit_choose(struct mea_fit *f, struct mea_recipe *c, size_t limit, size_t *bytes);

/* Logits of both networks (front's may be NULL) on images of p, n x outputs each; net is front's
 * successor when there is a front. net NULL: of front alone. In the recipe's type and by its batch,
 * at most 100; NULL: in float32, by 100. */
int mea_predict(struct mea_tmodel *front, struct mea_tmodel *net, const struct mea_pick *p,
		const struct mea_recipe *recipe, float *front_logits, float *net_logits);

#endif

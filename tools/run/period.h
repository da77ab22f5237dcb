/* SPDX-License-Identifier: Apache-2.0 */
/* `mea run --period`: an image every so many ms, and how long after that its answer came. */
#ifndef MEA_TOOL_PERIOD_H
#define MEA_TOOL_PERIOD_H

#include "mea.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define PERIOD_WORST 10

/* Where an image's time went. */
enum period_part { PART_RELEASE, PART_QUEUE, PART_BACKEND, PART_CLOUD, PART_HOST, PERIOD_PARTS };

struct period_late {
	size_t period;
	double ms;	       /* from its release to its answer */
	enum period_part part; /* that took most of it */
	double part_ms;
	enum mea_exit exit;
};

struct period {
	double ms;    /* 0: as fast as the backend takes them */
	bool no_exit; /* a lone network */

	/* The rest is period.c's. */
	double start_ms;      /* of the clock: release of image 0 */
	double *submitted_ms; /* after its release, of each image */
	double *answered_ms;  /* after its release, of those answered */
	size_t images, answered, missed, dropped;
	struct period_late worst[PERIOD_WORST]; /* the latest first */
	int n_worst;
};

/* Prepares for that many images. 0 or MEA_ENOMEM. */
int period_start(struct period *p, size_t images);
void period_free(struct period *p);

/* Sleeps until the release of an image. */
void period_wait(const struct period *p, size_t image);
/* Says that an image goes to the session now. */
void period_submit(struct period *p, size_t image);
/* Says that it was not taken, since the session's queue is full. */
void period_drop(struct period *p);
/* Takes an answer; its tag is the image's number. */
void period_answer(struct period *p, const struct mea_result *res);

/* The report: lines, no wider than width; an object. */
void period_print(const struct period *p, bool simulated, int width);
json_t *period_json(const struct period *p);

#endif

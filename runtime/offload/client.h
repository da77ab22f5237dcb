/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks servers of the Open Inference Protocol about images, without waiting: a thread of
 * its own keeps warm connections, limits every request by its deadline, tries again once
 * elsewhere, and leaves alone for a while what fails.
 */
#ifndef MEA_CLOUD_CLIENT_H
#define MEA_CLOUD_CLIENT_H

#include "offload/oip.h"
#include "mea.h"

#include <stdint.h>

struct mea_cloud;

struct mea_cloud_options {
	/* "http://host:port,https://other": the least busy one is asked. A path
	 * /v2/models/NAME[/versions/N] names another model than `model`. */
	const char *urls, *model;
	const char *ca, *cert, *key; /* PEM files, each may be NULL */
	struct mea_oip_item item;    /* what the model must take, */
	int classes;		     /* and how many logits it must give */
	bool png;		     /* send images as PNG to servers that take them */
	void (*note)(const char *text, void *ctx);
	void *note_ctx;
};

struct mea_cloud_answer {
	int error;		       /* 0, or a negative code */
	const char *missed;	       /* then: in a few words, why; static */
	char text[160];		       /* and with names */
	const float *logits;	       /* until the callback returns; NULL on error */
	double ms;		       /* from mea_cloud_ask() */
	uint64_t bytes_up, bytes_down; /* HTTP heads and bodies, of all tries */
	int tries;
};

typedef void (*mea_cloud_done)(void *ctx, const struct mea_cloud_answer *a);

/*
 * Starts, and gives the servers up to two seconds to show their model. One that has another
 * model than opt asks for is an error; one that is not there is not, and is looked for again
 * later.
 */
int mea_cloud_open(const struct mea_cloud_options *opt, struct mea_cloud **out);

/* Ends; requests under way are called back with MEA_ECLOUD. NULL is fine. */
void mea_cloud_close(struct mea_cloud *c);

/* Why nobody can be asked just now; NULL when one can. Any thread. */
const char *mea_cloud_missed(struct mea_cloud *c);

/*
 * Asks about an image (its item, height x width x channels bytes, copied). done is called once from
 * the client's thread, by deadline_ms of mea_now_ms()'s clock at the latest, and must not block.
 * Any thread. Fails only without memory; done is then not called.
 */
int mea_cloud_ask(struct mea_cloud *c, const void *item, double deadline_ms, mea_cloud_done done,
		  void *ctx);

/* What the requests told about the link so far. Any thread. */
void mea_cloud_link(struct mea_cloud *c, struct mea_link *link);

#endif

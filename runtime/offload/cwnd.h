/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many requests may be under way at once, and which are not worth sending. A link that carries
 * two images a second answers two when two are under way, and none when twenty are: all of them are
 * late. The window keeps one or two requests queued at the narrowest place of the way, as TCP Vegas
 * does (Brakmo and Peterson, 1995): as many as the window says are under way, and those that do not
 * queue are size x least_ms / answer_ms. Times are in ms, of any clock that does not step.
 */
#ifndef MEA_OFFLOAD_CWND_H
#define MEA_OFFLOAD_CWND_H

#include <stdbool.h>

struct mea_cwnd {
	double size;	     /* requests; below 1: one is sent in that part of the time */
	double answer_ms;    /* that an answer takes, about; 0: none is known */
	double deviation_ms; /* from that, in the mean */
	double least_ms;     /* of a request that has the link alone; 0: not known */
	double least_at;     /* when that was seen */
	double ended_at;     /* when the last request ended, */
	double cut_at;	     /* and the window was last made smaller for a late one */
	int lates;	     /* in a row */
	bool found;	     /* the size at which requests queue */
};

#define MEA_CWND_INIT                                                                              \
	{                                                                                          \
		.size = 1                                                                          \
	}

/* A request that ended. */
struct mea_cwnd_request {
	double sent, time_ms; /* time_ms: that it had from its question on */
	bool alone, full; /* when it was sent: no other was under way; the window was full then */
};

/* It was answered, or it was not when its time was over. */
void mea_cwnd_answered(struct mea_cwnd *w, const struct mea_cwnd_request *r, double now);
void mea_cwnd_late(struct mea_cwnd *w, const struct mea_cwnd_request *r, double now);

/* Whether one more may be sent beside so many. */
bool mea_cwnd_has_room(const struct mea_cwnd *w, int under_way, double now);

/* Whether a request that has left_ms of its time_ms left is answered in time if it is sent
 * wait_ms from now, or is worth sending to learn that. */
bool mea_cwnd_in_time(const struct mea_cwnd *w, double wait_ms, double left_ms, double time_ms,
		      double now);

/* About how long a request waits until it is sent, with so many waiting before it; oldest: when the
 * oldest of those under way was sent, INFINITY: none is. */
double mea_cwnd_wait_ms(const struct mea_cwnd *w, int before, double oldest, double now);

/* Whether a late answer says something of the server: it was asked alone. */
bool mea_cwnd_is_least(const struct mea_cwnd *w);

#endif

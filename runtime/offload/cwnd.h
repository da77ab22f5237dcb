/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many requests may be under way at once. A link that carries two images a second answers two
 * when two are under way, and none when twenty are: all of them are late. An answer with most of
 * its time left opens the window, a late one halves it (additive increase, multiplicative
 * decrease, as TCP has it: RFC 5681). It knows no clock and no requests.
 */
#ifndef MEA_OFFLOAD_CWND_H
#define MEA_OFFLOAD_CWND_H

#include <stdbool.h>

struct mea_cwnd {
	double size;
	double answer_ms; /* that an answer takes, about; 0: none is known */
};

#define MEA_CWND_INIT                                                                              \
	{                                                                                          \
		4, 0                                                                               \
	}

/* An answer came after ms, which was this share of the time that it had. */
void mea_cwnd_answered(struct mea_cwnd *w, double ms, double share);

/* An answer had not come after ms, when its time was over. */
void mea_cwnd_late(struct mea_cwnd *w, double ms);

/* Whether one more may be sent beside so many. */
bool mea_cwnd_has_room(const struct mea_cwnd *w, int under_way);

/* About how long the answer of a request takes that waits, with so many waiting before it. */
double mea_cwnd_wait_ms(const struct mea_cwnd *w, int before);

/* Whether a late answer says something of the server: it was asked alone. */
bool mea_cwnd_is_least(const struct mea_cwnd *w);

#endif

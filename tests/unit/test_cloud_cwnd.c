// SPDX-License-Identifier: Apache-2.0
/* The window on a simulated link, in simulated time: what the link carries becomes answers in time,
 * at every load, for one session and for several, and a link that is too slow is left alone. */
#include <criterion/criterion.h>

#include "offload/cwnd.h"

#include <math.h>
#include <stdlib.h>

TestSuite(cwnd, .timeout = 60);

#define SESSIONS 4
#define CALLS	 2000 /* of a session that have not ended */
#define STEP_MS	 1.0
#define BITS	 28000.0 /* of a request on the wire, which carries them one after the other */
#define ROUND_MS 20.0
#define JITTER	 3.0 /* ms of the server, in the mean */

struct call {
	double asked, ends; /* ends: 0 while it waits */
	bool late;
	struct mea_cwnd_request r;
};

struct session {
	struct mea_cwnd w;
	struct call calls[CALLS];
	int n, sent, answered, late;
};

struct link {
	double kbit, deadline, free_at, now, next_ask;
	unsigned seed;
	int n;
	struct session s[SESSIONS];
};

static double expected(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return -JITTER * log(((*seed >> 16 & 0x7fff) + 1) / 32769.0);
}

static struct link *link_new(double kbit, double deadline, int sessions)
{
	struct link *l = calloc(1, sizeof(*l));

	cr_assert(l);
	*l = (struct link){.kbit = kbit, .deadline = deadline, .n = sessions, .seed = 1};
	for (int i = 0; i < sessions; i++)
		l->s[i].w = (struct mea_cwnd)MEA_CWND_INIT;
	return l;
}

static void drop(struct session *s, int i)
{
	s->n--;
	for (; i < s->n; i++)
		s->calls[i] = s->calls[i + 1];
}

static void end_calls(struct link *l, struct session *s)
{
	for (int i = 0; i < s->n; i++) {
		struct call *c = &s->calls[i];

		if (!(c->ends > 0) || c->ends > l->now)
			continue;
		if (c->late)
			mea_cwnd_late(&s->w, &c->r, l->now);
		else
			mea_cwnd_answered(&s->w, &c->r, l->now);
		s->late += c->late;
		s->answered += !c->late;
		drop(s, i--);
	}
}

/* What is sent is on the wire, in time or not. */
static void transmit(struct link *l, struct session *s, struct call *c, int going)
{
	double end;

	c->r = (struct mea_cwnd_request){l->now, l->deadline, !going,
					 !mea_cwnd_has_room(&s->w, going + 1, l->now)};
	l->free_at = fmax(l->free_at, l->now) + BITS / l->kbit;
	end = l->free_at + ROUND_MS + expected(&l->seed);
	c->late = end > c->asked + l->deadline;
	c->ends = c->late ? c->asked + l->deadline : end;
	s->sent++;
}

/* As the client does it. */
static void start_calls(struct link *l, struct session *s)
{
	double oldest = INFINITY;
	int going = 0, waiting = 0;

	for (int i = 0; i < s->n; i++)
		if (s->calls[i].ends > 0) {
			oldest = fmin(oldest, s->calls[i].r.sent);
			going++;
		}
	for (int i = 0; i < s->n; i++) {
		struct call *c = &s->calls[i];
		bool room = mea_cwnd_has_room(&s->w, going, l->now);
		double wait = room ? 0 : mea_cwnd_wait_ms(&s->w, waiting, oldest, l->now);

		if (c->ends > 0)
			continue;
		if (!mea_cwnd_in_time(&s->w, wait, c->asked + l->deadline - l->now, l->deadline,
				      l->now)) {
			drop(s, i--);
		} else if (room) {
			transmit(l, s, c, going++);
			oldest = fmin(oldest, l->now);
		} else {
			waiting++;
		}
	}
}

/* So many seconds, with load times what the link carries asked in turn by the sessions. */
static void run(struct link *l, double seconds, double load)
{
	double end = l->now + seconds * 1000, gap = BITS / l->kbit / load;
	static int turn;

	l->next_ask = l->now;
	for (; l->now < end; l->now += STEP_MS) {
		for (; l->next_ask <= l->now; l->next_ask += gap) {
			struct session *s = &l->s[turn++ % l->n];

			cr_assert_lt(s->n, CALLS);
			s->calls[s->n++] = (struct call){.asked = l->next_ask};
		}
		for (int i = 0; i < l->n; i++) {
			end_calls(l, &l->s[i]);
			start_calls(l, &l->s[i]);
		}
	}
}

static int answered(const struct link *l)
{
	int n = 0;

	for (int i = 0; i < l->n; i++)
		n += l->s[i].answered;
	return n;
}

/* What a schedule that knows the link would answer. */
static double best(double kbit, double seconds, double load)
{
	return seconds * 1000 * kbit / BITS * fmin(load, 1);
}

Test(cwnd, every_load_gets_what_the_link_carries)
{
	static const double kbit[] = {64, 256, 1000}, loads[] = {0.5, 1, 2, 5, 10, 50},
			    deadlines[] = {500, 1000, 2000};

	for (int d = 0; d < 3; d++)
		for (int k = 0; k < 3; k++)
			for (int i = 0; i < 6; i++) {
				struct link *l = link_new(kbit[k], deadlines[d], 1);
				double most = best(kbit[k], 60, loads[i]);
				/* Where two would take too long, one at a time waits for a round
				 * trip in between. */
				double part = kbit[k] * deadlines[d] < 100000 ? 0.92 : 0.95;

				/* An image alone takes 460 of the 500 ms: see the next test. */
				if (kbit[k] * deadlines[d] < 40000) {
					free(l);
					continue;
				}
				run(l, 60, loads[i]);
				cr_expect_geq(answered(l), part * most - 1,
					      "%g kbit/s, %g ms, load %g: %d of %g", kbit[k],
					      deadlines[d], loads[i], answered(l), most);
				cr_expect_leq(l->s[0].late, l->s[0].sent / 50 + 1);
				free(l);
			}
}

/* With 40 ms to spare, only images that come as the link gets free make it. */
Test(cwnd, a_link_that_carries_an_image_barely_is_used)
{
	struct link *l = link_new(64, 500, 1);

	run(l, 60, 50);
	cr_expect_geq(answered(l), 0.8 * best(64, 60, 1), "%d", answered(l));
	free(l);
}

Test(cwnd, sessions_share_a_link)
{
	static const double kbit[] = {64, 256, 1000};

	for (int n = 2; n <= SESSIONS; n *= 2)
		for (int k = 0; k < 3; k++) {
			struct link *l = link_new(kbit[k], 2000, n);
			double most = best(kbit[k], 60, 5);

			run(l, 60, 5);
			cr_expect_geq(answered(l), 0.9 * most, "%d sessions, %g kbit/s: %d of %g",
				      n, kbit[k], answered(l), most);
			for (int i = 0; i < n; i++)
				cr_expect_geq(l->s[i].answered, most / n / 2,
					      "%d sessions, %g kbit/s: session %d has %d of %g", n,
					      kbit[k], i, l->s[i].answered, most);
			free(l);
		}
}

Test(cwnd, a_hopeless_link_is_left_alone)
{
	struct link *l = link_new(50, 500, 1);
	int sent;

	/* Each late one doubles the time to the next. */
	run(l, 150, 5);
	sent = l->s[0].sent;
	run(l, 600, 5);
	cr_expect_eq(answered(l), 0);
	cr_expect_leq((l->s[0].sent - sent) * BITS / l->kbit, 0.02 * 600000, "%d were sent",
		      l->s[0].sent - sent);
	cr_expect_geq(l->s[0].sent - sent, 1, "nobody looks whether it is better now");
	l->kbit = 1000;
	run(l, 70, 1);
	cr_expect_geq(answered(l), 1, "it is better now");
	free(l);
}

/* 1 Mbit/s and 64 kbit/s in turn: from two seconds after a change on, the new rate is used. */
Test(cwnd, a_link_that_changes_is_followed)
{
	struct link *l = link_new(1000, 2000, 1);

	for (int i = 0; i < 6; i++) {
		int before;

		l->kbit = i % 2 ? 64 : 1000;
		run(l, 2, 2 * 1000 / l->kbit);
		before = answered(l);
		run(l, 18, 2 * 1000 / l->kbit);
		cr_expect_geq(answered(l) - before, 0.8 * best(l->kbit, 18, 1) - 1,
			      "turn %d at %g kbit/s: %d of %g", i, l->kbit, answered(l) - before,
			      best(l->kbit, 18, 1));
	}
	free(l);
}

Test(cwnd, waiting_takes_longer_behind_others)
{
	struct mea_cwnd w = MEA_CWND_INIT;

	w.size = 2;
	w.answer_ms = 100;
	cr_expect_float_eq(mea_cwnd_wait_ms(&w, 0, 1000, 1040), 60, 1e-9);
	cr_expect_float_eq(mea_cwnd_wait_ms(&w, 3, 1000, 1040), 210, 1e-9);
	w.answer_ms = 0;
	cr_expect_float_eq(mea_cwnd_wait_ms(&w, 9, 1000, 1040), 0, 1e-9, "nothing is known yet");
	cr_expect(mea_cwnd_in_time(&w, 1000, 1, 500, 0), "nothing is known yet");
}

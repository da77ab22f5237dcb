// SPDX-License-Identifier: Apache-2.0
/* The client's thread: images in, answers out, each by its deadline. */
#include "offload/client_internal.h"

#include "base/clock.h"
#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With less time left there is no point in trying again. */
#define TRY_MS 1.0
/* A second try beside a first that is silent is for links that died; it must not double the
 * load of a cloud that is slow. An answer earns a tenth of one. */
#define HEDGE_EARNED 0.1

/* --- the end of a call ---------------------------------------------------------------- */

static void end_try(struct mea_cloud *c, struct call *call, int i)
{
	struct transfer *t = call->tries[i];

	t->endpoint->outstanding--;
	mea_transfer_count(t, &call->a);
	mea_transfer_end(c, t);
	call->tries[i] = NULL;
}

static bool trying(const struct call *call)
{
	return call->tries[0] || call->tries[1];
}

/* Takes the call off the list and tells its owner. */
static void finish(struct mea_cloud *c, struct call *call)
{
	struct call **link = &c->calls;

	for (int i = 0; i < TRIES_MAX; i++)
		if (call->tries[i])
			end_try(c, call, i);
	while (*link != call)
		link = &(*link)->next;
	*link = call->next;
	call->a.ms = mea_now_ms() - call->begun;
	call->a.tries = call->n_tries;
	call->done(call->ctx, &call->a);
	free(call);
}

static void set_failure(struct call *call, const char *missed, const char *base, const char *text)
{
	call->a.error = MEA_ECLOUD;
	call->a.missed = missed;
	snprintf(call->a.text, sizeof(call->a.text), "%s%s%s", base ? base : "", base ? ": " : "",
		 text);
}

/* --- the window ------------------------------------------------------------------------ */

static struct mea_cwnd_request request_of(const struct call *call)
{
	return (struct mea_cwnd_request){call->sent, call->deadline - call->begun, call->alone,
					 call->full};
}

static void in_time(struct mea_cloud *c, const struct transfer *t)
{
	struct mea_cwnd_request r = request_of(t->call);

	/* The first try may have gone into a connection that was dead. */
	r.sent = t->sent;
	mea_cwnd_answered(&c->cwnd, &r, mea_now_ms());
}

/* True if a server is silent while another one answers: it fails, not the link. */
static bool silent(const struct mea_cloud *c, const struct transfer *t)
{
	return t->endpoint->answered_ms < t->sent && c->answered_ms > t->sent;
}

static bool all_silent(const struct mea_cloud *c, const struct call *call)
{
	for (int i = 0; i < TRIES_MAX; i++)
		if (call->tries[i] && !silent(c, call->tries[i]))
			return false;
	return trying(call);
}

/* A call, whose message says so, had no answer in time. With others beside it the link may be too
 * full; alone, or if others were answered, it is its servers that fail. */
static void late(struct mea_cloud *c, struct call *call)
{
	struct mea_cwnd_request r = request_of(call);
	bool servers = all_silent(c, call);
	struct endpoint *told = NULL;

	if (call->late)
		return;
	call->late = true;
	for (int i = 0; i < TRIES_MAX && (servers || mea_cwnd_is_least(&c->cwnd)); i++) {
		struct endpoint *e = call->tries[i] ? call->tries[i]->endpoint : NULL;

		if (e && e != told)
			mea_endpoint_bad(c, e, call->a.text);
		told = e ? e : told;
	}
	if (!servers)
		mea_cwnd_late(&c->cwnd, &r, mea_now_ms());
}

/* Requests under way; *oldest: when the first of them was sent, INFINITY: there is none. */
static int under_way(const struct mea_cloud *c, double *oldest)
{
	int n = 0;

	*oldest = INFINITY;
	for (const struct call *call = c->calls; call; call = call->next)
		if (trying(call)) {
			*oldest = fmin(*oldest, call->sent);
			n++;
		}
	return n;
}

/* --- trying ---------------------------------------------------------------------------- */

/* Sends the image to a server; false when there is none, or no time. */
static bool try(struct mea_cloud *c, struct call *call)
{
	double left = call->deadline - mea_now_ms();
	struct endpoint *e = mea_endpoint_choose(c, call->last);

	if (!e || left < TRY_MS || call->n_tries == TRIES_MAX)
		return false;
	if (mea_transfer_infer(c, e, call, left, call->n_tries > 0, &call->tries[call->n_tries])) {
		set_failure(call, "not reachable", e->base, mea_errmsg());
		return false;
	}
	call->tries[call->n_tries]->sent = mea_now_ms();
	if (!call->n_tries++)
		call->sent = mea_now_ms();
	call->last = e;
	e->outstanding++;
	return true;
}

static void take_asked(struct mea_cloud *c)
{
	struct call *list, **end;

	pthread_mutex_lock(&c->lock);
	list = c->asked;
	c->asked = NULL;
	c->asked_end = &c->asked;
	pthread_mutex_unlock(&c->lock);
	for (end = &c->calls; *end; end = &(*end)->next)
		;
	*end = list;
}

static void refuse(struct mea_cloud *c, struct call *call)
{
	set_failure(call, "link is full", NULL, "an answer would not be here in time");
	finish(c, call);
}

/* Sends a call beside `going` others; whether it went. */
static bool begin(struct mea_cloud *c, struct call *call, int going)
{
	call->alone = !going;
	call->full = !mea_cwnd_has_room(&c->cwnd, going + 1, mea_now_ms());
	set_failure(call, "not reachable", NULL, "no server can be asked");
	if (try(c, call))
		return true;
	finish(c, call);
	return false;
}

/* Sends the calls that wait, the oldest first, while the window has room. Who would be late behind
 * those before is told so at once. Returns the time until that is so of one that goes on waiting,
 * in ms. */
static double start_waiting(struct mea_cloud *c)
{
	double now = mea_now_ms(), next = 1e9, oldest;
	int going = under_way(c, &oldest), waiting = 0;
	struct call *after;

	for (struct call *call = c->calls; call; call = after) {
		double left = call->deadline - now, time = call->deadline - call->begun, wait = 0;
		bool room = mea_cwnd_has_room(&c->cwnd, going, now);

		after = call->next;
		if (call->n_tries)
			continue;
		if (!room)
			wait = mea_cwnd_wait_ms(&c->cwnd, waiting, oldest, now);
		if (!mea_cwnd_in_time(&c->cwnd, wait, left, time, now)) {
			refuse(c, call);
		} else if (!room) {
			waiting++;
			/* The window may open before anything else happens. */
			next = fmin(next, fmax(wait, 1));
		} else if (begin(c, call, going)) {
			oldest = fmin(oldest, now);
			going++;
		}
	}
	return next;
}

/* --- answers --------------------------------------------------------------------------- */

/* What follows an answer that is none. */
enum next {
	NEXT_ELSEWHERE, /* another server may do better */
	NEXT_NONE,	/* any server would say the same */
	NEXT_LONGER,	/* the server is well, but knows longer forms of requests only */
};

/* A server that refuses a form is asked in the next longer one from now on. */
static enum next refused(struct transfer *t)
{
	struct mea_oip_target *target = &t->endpoint->target;

	if (t->form == MEA_FORM_JSON)
		return NEXT_NONE;
	if (target->form == t->form)
		target->form++;
	return NEXT_LONGER;
}

/* Why an answer is none, and what then; NULL when it is one, in c->logits. */
static const char *read_answer(struct mea_cloud *c, struct transfer *t, CURLcode code,
			       enum next *next)
{
	struct endpoint *e = t->endpoint;
	long status = 0;

	*next = NEXT_ELSEWHERE;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code) {
		mea_fail(MEA_ECLOUD, "%s", t->error[0] ? t->error : curl_easy_strerror(code));
		return code == CURLE_OPERATION_TIMEDOUT ? "late" : "not reachable";
	}
	if (status == 503 || status == 429) {
		mea_fail(MEA_ECLOUD, "says that it is busy (%ld)", status);
		return "busy";
	}
	if (status != 200) {
		mea_fail(MEA_ECLOUD, "answered with status %ld: %.*s", status,
			 t->in_size < 100 ? (int)t->in_size : 100, t->in ? t->in : "");
		if (status == 400)
			*next = refused(t);
		else if (status < 500)
			*next = NEXT_NONE;
		return "answered with an error";
	}
	if (mea_oip_answer(&e->target, t->in, t->in_size, t->json_bytes, c->logits))
		return "gave no usable answer";
	return NULL;
}

static void answered(struct mea_cloud *c, struct transfer *t, CURLcode code)
{
	struct call *call = t->call;
	struct endpoint *e = t->endpoint;
	int i = call->tries[1] == t;
	enum next next;
	const char *missed = read_answer(c, t, code, &next);

	if (!missed) {
		mea_endpoint_good(e);
		e->answered_ms = c->answered_ms = mea_now_ms();
		/* A second try was answered first. */
		if (call->tries[!i] && silent(c, call->tries[!i]))
			mea_endpoint_bad(c, call->tries[!i]->endpoint,
					 "no answer, while another server had one");
		mea_transfer_link(c, t, mea_now_ms() - call->begun);
		in_time(c, t);
		c->hedges = fmin(c->hedges + HEDGE_EARNED, MEA_HEDGES_MAX);
		call->a.error = 0;
		call->a.missed = NULL;
		call->a.text[0] = 0;
		call->a.logits = c->logits;
		finish(c, call);
		return;
	}
	set_failure(call, missed, e->base, mea_errmsg());
	if (code == CURLE_OPERATION_TIMEDOUT)
		late(c, call);
	else if (next != NEXT_LONGER)
		mea_endpoint_bad(c, e, mea_errmsg());
	end_try(c, call, i);
	if (!trying(call) && (next == NEXT_NONE || !try(c, call)))
		finish(c, call);
}

static void read_messages(struct mea_cloud *c)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(c->multi, &left))) {
		CURLcode code = m->data.result;
		struct transfer *t;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		if (t->call)
			answered(c, t, code);
		else
			mea_endpoint_probed(c, t, code);
	}
}

/* --- time -------------------------------------------------------------------------------- */

/* Ends a call whose time is over. Its servers were too slow. */
static void expire(struct mea_cloud *c, struct call *call)
{
	set_failure(call, "late", call->last ? call->last->base : NULL,
		    "no answer within the deadline");
	if (call->n_tries)
		late(c, call);
	finish(c, call);
}

/* Half of a call's time is over without an answer, and so is twice the time that answers take: the
 * connection may be dead. */
static double hedge_at(const struct mea_cloud *c, const struct call *call)
{
	return fmax((call->begun + call->deadline) / 2, call->sent + 2 * c->cwnd.answer_ms);
}

static bool may_hedge(const struct mea_cloud *c, const struct call *call)
{
	return c->hedges >= 1 && call->n_tries == 1 && call->tries[0];
}

/* Does what is due; returns the time until the next thing is, in ms. */
static double watch_calls(struct mea_cloud *c)
{
	double now = mea_now_ms(), next = 1e9;
	struct call *after;

	for (struct call *call = c->calls; call; call = after) {
		after = call->next;
		if (now >= call->deadline) {
			expire(c, call);
			continue;
		}
		if (may_hedge(c, call) && now >= hedge_at(c, call) && try(c, call))
			c->hedges--;
		next = fmin(next, call->deadline - now);
		if (may_hedge(c, call) && hedge_at(c, call) > now)
			next = fmin(next, hedge_at(c, call) - now);
	}
	return next;
}

static bool stopping(struct mea_cloud *c)
{
	bool stop;

	pthread_mutex_lock(&c->lock);
	stop = c->stop;
	pthread_mutex_unlock(&c->lock);
	return stop;
}

void *mea_cloud_run(void *arg)
{
	struct mea_cloud *c = arg;
	int running;

	while (!stopping(c)) {
		double wait;

		take_asked(c);
		wait = mea_endpoints_probe(c);
		curl_multi_perform(c->multi, &running);
		read_messages(c);
		wait = fmin(wait, watch_calls(c));
		wait = fmin(wait, start_waiting(c));
		/* Returns at once when something was started since. */
		curl_multi_poll(c->multi, NULL, 0, (int)fmin(ceil(wait), 1000), NULL);
	}
	take_asked(c);
	while (c->calls) {
		set_failure(c->calls, "closed", NULL, "the client was closed");
		finish(c, c->calls);
	}
	return NULL;
}

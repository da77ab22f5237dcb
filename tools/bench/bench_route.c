// SPDX-License-Identifier: Apache-2.0
/*
 * What each exit says of each image. The edge's answer, its exit and main's entropy do not depend
 * on the threshold, and neither does the cloud's answer; so Algorithm 2 at any threshold is a look
 * at these.
 */
#include "bench.h"

#include "offload/client.h"
#include "base/clock.h"
#include "base/error.h"
#include "meanet/exits.h"
#include "meanet/session.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Questions at the cloud at once, and how long one may take. */
#define AT_ONCE	 4
#define PATIENCE 30000.0

int bench_open(struct bench *b, bool cloud, struct mea_session **out)
{
	struct mea_options o = session_args_open(&b->session);

	if (!cloud)
		o.cloud = NULL;
	return mea_open(b->bundle, &o, out);
}

enum path bench_path_of(const struct bench *b, const struct routed *r, double threshold)
{
	/* As mea_after_main() has it. */
	if (b->session.open.cloud && (double)r->entropy > threshold)
		return PATH_CLOUD;
	return r->extension ? PATH_EXTENSION : PATH_MAIN;
}

int bench_answer(const struct routed *r, enum path path)
{
	int cloud = r->said[MEA_NET_CLOUD];

	return path >= PATH_CLOUD && cloud >= 0 ? cloud : r->edge_label;
}

int bench_image(struct bench *b, size_t i, uint8_t *rgb, int *label)
{
	return mea_data_get(b->images.data, b->held ? b->held[i] : i, rgb, label);
}

/* --- edge --------------------------------------------------------------------------- */

/* The events of a network must be the same for all images. */
static void learn(struct net_cost *n, const struct mea_cost *c)
{
	if (!c->cycles)
		return;
	if (!n->known) {
		n->known = true;
		memcpy(n->events, c->events, sizeof(n->events));
	}
	n->images++;
	n->cycles += ((double)c->cycles - n->cycles) / (double)n->images;
	n->differ += memcmp(n->events, c->events, sizeof(n->events)) != 0;
}

static int take_result(struct bench *b, struct mea_session *s)
{
	struct mea_result r;
	struct routed *i;
	int rc = mea_collect(s, -1, &r);

	if (rc)
		return rc;
	i = &b->routed[r.tag];
	i->readable = !r.error;
	if (r.error) {
		fprintf(stderr, "%s: image %llu: no answer: %s\n", tool_name,
			(unsigned long long)r.tag, r.text);
		b->unreadable++;
		return 0;
	}
	i->edge_label = r.label;
	i->entropy = r.entropy;
	i->extension = r.exit == MEA_EXIT_EXTENSION;
	learn(&b->net[0], &r.cost[MEA_EXIT_MAIN]);
	learn(&b->net[1], &r.cost[MEA_EXIT_EXTENSION]);
	if (!b->backend[0])
		snprintf(b->backend, sizeof(b->backend), "%s", r.backend);
	return 0;
}

/* In the session's thread, before the image's result is taken. */
static void heard(void *ctx, uint64_t tag, enum mea_net net, int label)
{
	struct bench *b = ctx;

	b->routed[tag].said[net] = label;
}

static int read_image(struct bench *b, size_t i, uint8_t *rgb)
{
	struct routed *r = &b->routed[i];
	int rc = bench_image(b, i, rgb, &r->label);

	for (int net = 0; net < MEA_NETS; net++)
		r->said[net] = -1;
	if (!rc && r->label >= b->b->n_classes)
		rc = mea_fail(MEA_EINVAL, "image %zu: class %d, but %s has %d classes", i, r->label,
			      b->bundle, b->b->n_classes);
	if (rc) {
		tool_fail();
		b->unreadable++;
	}
	return rc;
}

static int route_edge(struct bench *b, uint8_t *rgb)
{
	struct mea_session *s;
	int rc = bench_open(b, false, &s);

	if (rc)
		return rc;
	mea_session_hear(s, heard, b);
	b->progress = (struct progress){.what = "edge"};
	for (size_t i = 0; i < b->n && !rc; i++) {
		/* One bad file costs its own answer only. */
		if (read_image(b, i, rgb))
			continue;
		while ((rc = mea_submit(s, rgb, i)) == MEA_EBUSY && !(rc = take_result(b, s)))
			;
		progress_step(i + 1, b->n, &b->progress);
	}
	while (!rc)
		rc = take_result(b, s);
	progress_end(&b->progress);
	mea_close(s);
	return rc == MEA_ENOENT ? 0 : rc;
}

/* Another backend answered: the accelerator's figures come from one image of each network. */
static void profile(struct bench *b, uint8_t *rgb)
{
	struct mea_options o = MEA_OPTIONS_INIT;
	struct mea_session *s;
	struct mea_result r;
	int label;

	o.backends = "accel";
	o.device = b->session.open.device;
	if (mea_open(b->bundle, &o, &s)) {
		snprintf(b->no_cycles, sizeof(b->no_cycles), "%s", mea_errmsg());
		return;
	}
	for (size_t i = 0; i < b->n; i++) {
		const struct net_cost *n = &b->net[b->routed[i].extension];

		if (!b->routed[i].readable || n->known || bench_image(b, i, rgb, &label))
			continue;
		if (mea_classify(s, rgb, &r)) {
			snprintf(b->no_cycles, sizeof(b->no_cycles), "%s", mea_errmsg());
			break;
		}
		learn(&b->net[0], &r.cost[MEA_EXIT_MAIN]);
		learn(&b->net[1], &r.cost[MEA_EXIT_EXTENSION]);
	}
	mea_close(s);
	if (b->net[0].known)
		bench_note(
			b,
			"backend %s answered; cycles and events are what the accelerator counted "
			"for one image, since they do not depend on the image",
			b->backend);
}

/* --- cloud -------------------------------------------------------------------------- */

/* Answers come in the client's thread. */
struct asking {
	struct bench *b;
	pthread_mutex_t lock;
	pthread_cond_t back;
	int away;
};

struct question {
	struct asking *a;
	size_t image;
};

static void come_back(void *ctx, const struct mea_cloud_answer *answer)
{
	struct question *q = ctx;
	struct asking *a = q->a;
	struct routed *r = &a->b->routed[q->image];

	if (!answer->error)
		r->said[MEA_NET_CLOUD] = mea_opinion_of(answer->logits, a->b->b->n_classes).label;
	pthread_mutex_lock(&a->lock);
	if (!answer->error) {
		struct bench *b = a->b;

		b->asked++;
		b->asked_up += ((double)answer->bytes_up - b->asked_up) / (double)b->asked;
		b->asked_down += ((double)answer->bytes_down - b->asked_down) / (double)b->asked;
	}
	if (answer->error && !a->b->cloud_missed++)
		fprintf(stderr, "%s: image %zu: the cloud %s %s\n", tool_name, q->image,
			answer->missed, answer->text);
	a->away--;
	pthread_cond_signal(&a->back);
	pthread_mutex_unlock(&a->lock);
	free(q);
}

static void wait_for(struct asking *a, int most)
{
	pthread_mutex_lock(&a->lock);
	while (a->away > most)
		pthread_cond_wait(&a->back, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

static int ask(struct asking *a, struct mea_cloud *c, size_t i, const uint8_t *rgb)
{
	struct question *q = malloc(sizeof(*q));
	int rc;

	if (!q)
		return mea_nomem();
	*q = (struct question){.a = a, .image = i};
	wait_for(a, AT_ONCE - 1);
	pthread_mutex_lock(&a->lock);
	a->away++;
	pthread_mutex_unlock(&a->lock);
	rc = mea_cloud_ask(c, rgb, mea_now_ms() + PATIENCE, come_back, q);
	if (rc) {
		a->away--;
		free(q);
	}
	return rc;
}

static int route_cloud(struct bench *b, uint8_t *rgb)
{
	struct asking a = {
		.b = b, .lock = PTHREAD_MUTEX_INITIALIZER, .back = PTHREAD_COND_INITIALIZER};
	struct mea_cloud *c;
	int label, rc = bench_cloud(b, &c);

	if (rc)
		return rc;
	b->progress = (struct progress){.what = "cloud"};
	for (size_t i = 0; i < b->n && !rc; i++) {
		if (!b->routed[i].readable || bench_image(b, i, rgb, &label))
			continue;
		rc = ask(&a, c, i, rgb);
		progress_step(i + 1, b->n, &b->progress);
	}
	wait_for(&a, 0);
	progress_end(&b->progress);
	mea_cloud_close(c);
	if (!rc && b->cloud_missed == b->n)
		rc = mea_fail(MEA_ECLOUD, "%s: answered none of %zu images", b->session.open.cloud,
			      b->n);
	return rc;
}

int bench_cloud(struct bench *b, struct mea_cloud **out)
{
	struct mea_cloud_options o = {.urls = b->session.open.cloud,
				      .model = b->b->name,
				      .ca = b->session.open.cloud_ca,
				      .cert = b->session.open.cloud_cert,
				      .key = b->session.open.cloud_key,
				      .item = {MEA_U8, b->b->height, b->b->width, 3},
				      .classes = b->b->n_classes,
				      .png = b->session.send == SEND_PNG};

	return mea_cloud_open(&o, out);
}

/* --- both --------------------------------------------------------------------------- */

int bench_route(struct bench *b)
{
	uint8_t *rgb = malloc((size_t)b->b->width * (size_t)b->b->height * 3);
	int rc;

	if (!b->held)
		b->n = b->images.count;
	b->unreadable = b->cloud_missed = b->asked = 0;
	b->asked_up = b->asked_down = 0;
	free(b->routed);
	b->routed = calloc(b->n, sizeof(*b->routed));
	rc = rgb && b->routed ? route_edge(b, rgb) : mea_nomem();
	if (!rc && !b->net[0].known)
		profile(b, rgb);
	if (!rc && b->session.open.cloud)
		rc = route_cloud(b, rgb);
	free(rgb);
	for (int i = 0; i < 2 && !rc; i++)
		if (b->net[i].differ)
			bench_note(b,
				   "%llu of %llu images had other events in the %s than the first, "
				   "whose events stand here",
				   (unsigned long long)b->net[i].differ,
				   (unsigned long long)b->net[i].images, bench_paths[i]);
	return rc;
}

// SPDX-License-Identifier: Apache-2.0
#include "serve/peers.h"

#include "base/error.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

/* 8 bytes name an address; v4 tells the families apart. */
struct key {
	uint64_t bits;
	uint64_t v4;
};

struct entry {
	struct mea_peer peer; /* first */
	struct key key;
	struct entry *next;
};

struct mea_peers {
	struct entry *bucket[BUCKETS];
};

static struct key key_of(const struct sockaddr *a)
{
	struct key k = {0};

	if (a->sa_family == AF_INET) {
		k.bits = ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr;
		k.v4 = 1;
	} else if (a->sa_family == AF_INET6) {
		const struct in6_addr *v6 =
			&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;

		k.v4 = IN6_IS_ADDR_V4MAPPED(v6);
		memcpy(&k.bits, k.v4 ? &v6->s6_addr[12] : &v6->s6_addr[0], k.v4 ? 4 : 8);
	}
	return k;
}

static size_t bucket_of(const struct key *k)
{
	/* Fibonacci hashing (Knuth, TAOCP 3, 6.4). */
	return (k->bits + k->v4) * 0x9e3779b97f4a7c15u >> 54;
}

static struct entry *find(const struct mea_peers *p, const struct key *k)
{
	struct entry *e = p->bucket[bucket_of(k)];

	while (e && (e->key.bits != k->bits || e->key.v4 != k->v4))
		e = e->next;
	return e;
}

int mea_peers_new(struct mea_peers **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : mea_nomem();
}

void mea_peers_free(struct mea_peers *p)
{
	for (int i = 0; p && i < BUCKETS; i++)
		while (p->bucket[i]) {
			struct entry *e = p->bucket[i];

			p->bucket[i] = e->next;
			free(e);
		}
	free(p);
}

int mea_peers_connections(const struct mea_peers *p, const struct sockaddr *a)
{
	struct key k = key_of(a);
	const struct entry *e = find(p, &k);

	return e ? e->peer.connections : 0;
}

struct mea_peer *mea_peers_enter(struct mea_peers *p, const struct sockaddr *a)
{
	struct key k = key_of(a);
	struct entry *e = find(p, &k), **at = &p->bucket[bucket_of(&k)];

	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return NULL;
		e->key = k;
		e->next = *at;
		*at = e;
	}
	e->peer.connections++;
	return &e->peer;
}

void mea_peers_leave(struct mea_peers *p, struct mea_peer *peer)
{
	struct entry *e = (struct entry *)peer, **at;

	if (!peer || --peer->connections > 0)
		return;
	at = &p->bucket[bucket_of(&e->key)];
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	free(e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each address takes of the server: connections, and bytes of bodies under way. An address is
 * one of IPv4, or a network of 64 bits of IPv6. One thread at a time.
 */
#ifndef MEA_SERVE_PEERS_H
#define MEA_SERVE_PEERS_H

#include <stddef.h>
#include <sys/socket.h>

struct mea_peers;
struct mea_peer {
	int connections;
	size_t bytes; /* of bodies */
};

int mea_peers_new(struct mea_peers **out);
/* NULL is fine. */
void mea_peers_free(struct mea_peers *p);

/* Connections that an address has now; another family than IP has none. */
int mea_peers_connections(const struct mea_peers *p, const struct sockaddr *a);
/* Enters a connection. NULL without memory. */
struct mea_peer *mea_peers_enter(struct mea_peers *p, const struct sockaddr *a);
/* It ends; with the last one peer does. NULL is fine. */
void mea_peers_leave(struct mea_peers *p, struct mea_peer *peer);

#endif

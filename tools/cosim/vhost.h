/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end of vhost-user as User-Mode Linux speaks it: a connected socket, the
 * guest's memory, and two split virtqueues: requests (0) and interrupts (1).
 */
#ifndef MEA_COSIM_VHOST_H
#define MEA_COSIM_VHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHOST_QUEUES	  2
#define VHOST_REGIONS	  8
#define VHOST_REQUEST_MAX 8192 /* bytes of a request */

struct vhost;

/* What the device behind it does. */
struct vhost_ops {
	/* Answers a request of queue 0 with at most room bytes in reply (room is 0 for
	 * a posted one); returns the bytes of the reply. */
	size_t (*request)(void *arg, const uint8_t *request, size_t size, uint8_t *reply,
			  size_t room);
	/* size bytes of guest memory at addr are at host from now on; NULL: are gone. */
	void (*memory)(void *arg, uint64_t addr, void *host, size_t size);
};

/* Takes over the connected socket. Never NULL: without memory the process ends. */
struct vhost *vhost_new(int socket, const struct vhost_ops *ops, void *arg);
void vhost_free(struct vhost *v);

/* Descriptors to poll for reading: the socket and the kicks; returns how many. */
#define VHOST_FDS (1 + VHOST_QUEUES)
int vhost_fds(const struct vhost *v, int fds[VHOST_FDS]);

/* Handles one message of the socket, which has one. False: the other side is gone. */
bool vhost_message(struct vhost *v);

/*
 * Kicks and calls are messages from now on, as time travel needs them: each is answered before
 * its sender goes on. meanwhile(arg, fd) returns when descriptor fd has something to read, and
 * handles what else the guest waits for; false: the guest is gone.
 */
void vhost_in_band(struct vhost *v, bool (*meanwhile)(void *arg, int fd));
/* Whether calls are due. */
bool vhost_owes(const struct vhost *v);
/* Makes the calls that are due. Only while the guest waits for its clock. */
void vhost_deliver(struct vhost *v);

/* Answers all requests that wait in queue 0; returns how many. Does no system call
 * while there are none. */
int vhost_serve(struct vhost *v);

/* Whether to expect a kick (false: the caller looks with vhost_serve() often enough).
 * After true, call vhost_serve() once more before sleeping. */
void vhost_want_kick(struct vhost *v, bool want);
/* Swallows a kick. */
void vhost_kicked(struct vhost *v);

/* Posted writes that the guest has not been told of: only their memory depends on it. */
unsigned vhost_untold(const struct vhost *v);
void vhost_tell(struct vhost *v);

/* Puts size bytes into the next buffer of queue 1 and interrupts the guest. False:
 * no buffer is free, or the guest has not set up the queue. */
bool vhost_event(struct vhost *v, const void *data, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's clock is the device's: the controller of User-Mode Linux's time travel
 * (time-travel=ext:SOCKET, <linux/um_timetravel.h>). The guest's programs take no time. When
 * they wait, the device runs until the guest's next timer or its own interrupt.
 */
#ifndef MEA_COSIM_TIMETRAVEL_H
#define MEA_COSIM_TIMETRAVEL_H

#include <stdbool.h>
#include <stdint.h>

struct device;

struct timetravel {
	int fd;
	uint64_t khz;	  /* the device's clock */
	uint64_t now;	  /* nanoseconds of the guest's clock */
	uint64_t request; /* when the guest wants to run again, in the same */
	bool waiting;	  /* the guest has nothing to do until it is told to run */

	/* The rest is private. */
	uint64_t cycles;  /* of the device's clock since the guest's start, also those skipped */
	uint64_t counted; /* of the simulator's cycles, those in `cycles` */
	uint32_t seq;
	unsigned unanswered; /* messages of ours */
	uint64_t free_until; /* the guest moves its clock itself up to this */
};

/* Takes over the connected socket. */
void timetravel_open(struct timetravel *t, int fd, uint64_t khz);
void timetravel_close(struct timetravel *t);

/* Handles one message of the socket, which has one. False: the guest is gone. */
bool timetravel_message(struct timetravel *t);

/* Serves the clock and nothing else until fd has something. With a device the guest runs whenever
 * it wants to, else it waits. False: the guest is gone. */
bool timetravel_serve(struct timetravel *t, struct device *d, int fd);

/* Lets the guest run, from `now` on. */
void timetravel_run(struct timetravel *t, struct device *d);
/* The guest has just reached the device: it asks sooner for its clock if the device works now, or
 * at once if a message waits for it. */
void timetravel_watch(struct timetravel *t, struct device *d, bool message);

/* Moves `now` on while the guest waits, at most to `request`: while the device works to its next
 * interrupt or by some cycles, else to whatever comes next. */
void timetravel_step(struct timetravel *t, struct device *d);

/* Whether nothing will ever come: no timer of the guest's, and no work of the device's. */
bool timetravel_idle(const struct timetravel *t, struct device *d);

#endif

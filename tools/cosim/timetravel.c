// SPDX-License-Identifier: Apache-2.0
#include "timetravel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/um_timetravel.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cosim.h"
#include "device.h"

#define NS_PER_MS 1000000ull
/* Not in the header of Linux 6.1. */
#define BROADCAST   9
#define START_FDS   2
#define SHARED_PAGE 4096
/* How far the guest may move its clock while the device does nothing. */
#define IDLE_NS (10 * NS_PER_MS)
/* Cycles between looks at the sockets. */
#define SLICE 4096
/* Cycles that a device whose bus does not answer gets in a millisecond. */
#define HUNG_CYCLES 64

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void timetravel_open(struct timetravel *t, int fd, uint64_t khz)
{
	*t = (struct timetravel){.fd = fd, .khz = khz, .request = INT64_MAX};
}

void timetravel_close(struct timetravel *t)
{
	close(t->fd);
}

/* --- units ---------------------------------------------------------------------------------- */

static uint64_t ns_of(const struct timetravel *t, uint64_t cycles)
{
	return cycles / t->khz * NS_PER_MS + (cycles % t->khz * NS_PER_MS + t->khz - 1) / t->khz;
}

static uint64_t cycles_of(const struct timetravel *t, uint64_t ns)
{
	return ns / NS_PER_MS * t->khz + ns % NS_PER_MS * t->khz / NS_PER_MS;
}

/* --- messages ------------------------------------------------------------------------------- */

static void send_message(struct timetravel *t, const struct um_timetravel_msg *m, const int *fds,
			 size_t n)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(START_FDS * sizeof(int))];
	} control;
	struct iovec iov = {(void *)(uintptr_t)m, sizeof(*m)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	/* A guest that is gone shows at the next read. */
	if (sendmsg(t->fd, &msg, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		cosim_note("time travel: %s", strerror(errno));
}

/*
 * UML takes two descriptors from this answer whether they are there or not: shared memory and a
 * log. A page of version 0 makes it do without shared memory.
 */
static void answer_start(struct timetravel *t, struct um_timetravel_msg *m)
{
	int fds[START_FDS];

	fds[0] = memfd_create("mea-cosim", MFD_CLOEXEC);
	fds[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fds[0] < 0 || fds[1] < 0 || ftruncate(fds[0], SHARED_PAGE))
		cosim_die("time travel: %s", strerror(errno));
	m->time = 0;
	send_message(t, m, fds, START_FDS);
	close(fds[0]);
	close(fds[1]);
}

static uint64_t time_of_day(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool timetravel_message(struct timetravel *t)
{
	struct um_timetravel_msg m;
	ssize_t n = recv(t->fd, &m, sizeof(m), MSG_WAITALL);
	uint32_t op;

	if (n != sizeof(m))
		return false;
	op = m.op;
	m.op = UM_TIMETRAVEL_ACK;
	switch (op) {
	case UM_TIMETRAVEL_ACK:
		t->unanswered--;
		return true;
	case UM_TIMETRAVEL_START:
		answer_start(t, &m);
		return true;
	case UM_TIMETRAVEL_REQUEST:
		t->request = m.time;
		break;
	case UM_TIMETRAVEL_WAIT:
		t->waiting = true;
		/* It has come so far alone. */
		if (t->now < t->free_until)
			t->now = sooner(t->request, t->free_until);
		break;
	case UM_TIMETRAVEL_GET:
		m.time = t->now;
		break;
	case UM_TIMETRAVEL_GET_TOD:
		m.time = time_of_day();
		break;
	case UM_TIMETRAVEL_UPDATE:
		t->now = m.time;
		/* What the device did not do meanwhile, it does no more. */
		if (t->cycles < cycles_of(t, t->now))
			t->cycles = cycles_of(t, t->now);
		break;
	case BROADCAST:
		break;
	default:
		cosim_die("time travel: message %u: not understood", op);
	}
	send_message(t, &m, NULL, 0);
	return true;
}

static void tell(struct timetravel *t, uint32_t op, uint64_t time)
{
	struct um_timetravel_msg m = {.op = op, .seq = ++t->seq, .time = time};

	t->unanswered++;
	send_message(t, &m, NULL, 0);
}

static bool idle(struct device *d)
{
	return device_late(d) < 0 && !device_busy(d);
}

/* --- time --------------------------------------------------------------------------------- */

static void count_cycles(struct timetravel *t, const struct device *d)
{
	uint64_t cycles = mea_sim_cycles(d->sim);

	t->cycles += cycles - t->counted;
	t->counted = cycles;
}

void timetravel_step(struct timetravel *t, struct device *d)
{
	uint64_t until = t->request;
	int late;

	/* The device has run ahead of the guest by what its registers' accesses took. */
	count_cycles(t, d);
	if (device_busy(d) && !device_hung(d)) {
		uint64_t end = cycles_of(t, until);

		if (t->cycles < end) {
			device_clock(d, (unsigned)sooner(SLICE, end - t->cycles));
			count_cycles(t, d);
		}
		/* The guest may want to run in the middle of a cycle. */
		if (t->cycles < end)
			until = ns_of(t, t->cycles);
		t->now = until > t->now ? until : t->now;
		return;
	}
	late = device_late(d);
	if (late >= 0)
		until = sooner(until, (t->now / NS_PER_MS + (uint64_t)late) * NS_PER_MS);
	if (device_busy(d)) {
		device_clock(d, HUNG_CYCLES);
		t->counted = mea_sim_cycles(d->sim);
		until = sooner(until, t->now + NS_PER_MS);
	}
	t->now = until;
	if (t->cycles < cycles_of(t, until))
		t->cycles = cycles_of(t, until);
}

/* Until when the guest may move its clock alone: nothing can happen before. */
static uint64_t free_until(const struct timetravel *t, struct device *d)
{
	if (idle(d))
		return t->now + IDLE_NS;
	return device_hung(d) ? t->now : ns_of(t, t->cycles + 1);
}

void timetravel_run(struct timetravel *t, struct device *d)
{
	t->waiting = false;
	count_cycles(t, d);
	t->free_until = free_until(t, d);
	if (t->free_until > t->now)
		tell(t, UM_TIMETRAVEL_FREE_UNTIL, t->free_until);
	tell(t, UM_TIMETRAVEL_RUN, t->now);
}

void timetravel_watch(struct timetravel *t, struct device *d, bool message)
{
	uint64_t until;

	count_cycles(t, d);
	until = message ? t->now : free_until(t, d);
	if (t->free_until <= until)
		return;
	t->free_until = until;
	tell(t, UM_TIMETRAVEL_FREE_UNTIL, until);
	/* The guest has the answer to its access only then. */
	while (t->unanswered && timetravel_message(t))
		;
}

bool timetravel_serve(struct timetravel *t, struct device *d, int fd)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = t->fd, .events = POLLIN}};

	for (;;) {
		if (d && t->waiting && t->request < INT64_MAX) {
			t->now = t->request;
			timetravel_run(t, d);
		}
		if (poll(fds, 2, -1) < 0) {
			if (errno != EINTR)
				cosim_die("poll: %s", strerror(errno));
			continue;
		}
		if (fds[1].revents && !timetravel_message(t))
			return false;
		if (fds[0].revents)
			return true;
	}
}

bool timetravel_idle(const struct timetravel *t, struct device *d)
{
	return t->request >= INT64_MAX && idle(d);
}

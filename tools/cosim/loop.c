// SPDX-License-Identifier: Apache-2.0
#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "cosim.h"

/* Cycles between looks at the guest's queue: about what one register access costs. */
#define SLICE 64
/* Looks at the queue between looks at the sockets. */
#define SLICES_PER_POLL 64
/* How long the guest's next access is waited for without sleeping. */
#define SPIN_NS 30000
/* Steps of the guest's clock between looks at the sockets. */
#define STEPS_PER_POLL 8

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- the side channel's sockets --------------------------------------------------------- */

static bool serve_client(struct client *c, struct device *d)
{
	ssize_t n = read(c->fd, c->line + c->len, sizeof(c->line) - 1 - c->len);
	char reply[512], *end;

	if (n <= 0)
		return false;
	c->len += (size_t)n;
	c->line[c->len] = 0;
	while ((end = strchr(c->line, '\n'))) {
		*end = 0;
		command_run(d, c->line, reply, sizeof(reply) - 1);
		strcat(reply, "\n");
		if (send(c->fd, reply, strlen(reply), MSG_NOSIGNAL) < 0)
			return false;
		c->len -= (size_t)(end + 1 - c->line);
		memmove(c->line, end + 1, c->len + 1);
	}
	return c->len < sizeof(c->line) - 1;
}

static void side_ready(struct side *s, const struct pollfd *fds, struct device *d)
{
	for (int i = s->n - 1; i >= 0; i--)
		if (fds[1 + i].revents && !serve_client(&s->client[i], d)) {
			close(s->client[i].fd);
			s->client[i] = s->client[--s->n];
		}
	if (fds[0].revents && s->n < LOOP_CLIENTS) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			s->client[s->n++] = (struct client){.fd = fd};
	}
}

/* --- the loop ---------------------------------------------------------------------------- */

/* Sleeps for at most timeout_ms until a descriptor has something, and handles it. False
 * when the guest is gone. */
static bool wait_fds(struct cosim *c, int timeout_ms)
{
	struct pollfd fds[LINK_FDS + 1 + LOOP_CLIENTS];
	int numbers[LINK_FDS], of_link = c->link->fds(c->guest, numbers), n = of_link;

	for (int i = 0; i < n; i++)
		fds[i] = (struct pollfd){.fd = numbers[i], .events = POLLIN};
	fds[n++] = (struct pollfd){.fd = c->side.listener, .events = POLLIN};
	for (int i = 0; i < c->side.n; i++)
		fds[n++] = (struct pollfd){.fd = c->side.client[i].fd, .events = POLLIN};
	if (poll(fds, (nfds_t)n, timeout_ms) < 0) {
		if (errno != EINTR)
			cosim_die("poll: %s", strerror(errno));
		return true;
	}
	side_ready(&c->side, fds + of_link, &c->dev);
	return c->link->woken(c->guest, fds[0].revents);
}

static bool spin(struct cosim *c)
{
	uint64_t end = now_ns() + SPIN_NS;

	do
		if (c->link->serve(c->guest))
			return true;
	while (now_ns() < end);
	return false;
}

static void loop_in_real_time(struct cosim *c)
{
	for (unsigned turn = 0;; turn++) {
		int served = c->link->serve(c->guest);
		bool busy = device_busy(&c->dev);
		int sleep_ms = 0, late;

		if (busy)
			device_clock(&c->dev, SLICE);
		if (busy && !device_hung(&c->dev)) {
			/* To wake us costs the guest a system call; it is looked at anyway. */
			c->link->want_wake(c->guest, false);
			if (turn % SLICES_PER_POLL)
				continue;
			device_late(&c->dev);
		} else {
			if (served || spin(c))
				continue;
			c->link->want_wake(c->guest, true);
			if (c->link->serve(c->guest))
				continue;
			late = device_late(&c->dev);
			sleep_ms = busy ? 1 : -1;
			if (late >= 0 && (sleep_ms < 0 || late < sleep_ms))
				sleep_ms = late;
		}
		if (!wait_fds(c, sleep_ms))
			return;
	}
}

/* The guest waits: its clock goes on, up to what it waits for. False when it is gone. */
static bool advance(struct cosim *c)
{
	struct timetravel *t = c->dev.time;

	for (unsigned turn = 1;; turn++) {
		device_late(&c->dev);
		/* An interrupt makes the guest ask for this very moment. */
		c->link->serve(c->guest);
		if (c->dev.dead)
			return true;
		if (t->now >= t->request)
			break;
		if (timetravel_idle(t, &c->dev))
			return wait_fds(c, -1);
		timetravel_step(t, &c->dev);
		if (turn % STEPS_PER_POLL == 0 && !wait_fds(c, 0))
			return false;
	}
	timetravel_run(t, &c->dev);
	return true;
}

/* Serves the guest's clock and nothing else until fd has something. False when the guest is gone.
 */
/* The same where the guest's clock is the device's. */
static void loop_in_time(struct cosim *c)
{
	while (!c->dev.dead && (c->dev.time->waiting ? advance(c) : wait_fds(c, -1)))
		;
	if (!c->dev.dead)
		return;
	c->link->close(c->guest);
	timetravel_serve(c->dev.time, &c->dev, -1);
	_exit(0);
}

void loop_run(struct cosim *c)
{
	if (c->dev.time)
		loop_in_time(c);
	else
		loop_in_real_time(c);
}

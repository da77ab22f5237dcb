// SPDX-License-Identifier: Apache-2.0
#include "base/event.h"

#include "base/clock.h"

#include <math.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mea_event_new(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void mea_event_set(int fd)
{
	uint64_t one = 1;

	/* Fails only when it was set many times over. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

void mea_event_clear(int fd)
{
	uint64_t unused;

	/* Fails when it is not set. */
	if (read(fd, &unused, sizeof(unused)) < 0)
		return;
}

bool mea_event_wait(int event, int other, double ms)
{
	struct pollfd p[2] = {{event, POLLIN, 0}, {other, POLLIN, 0}};
	struct timespec t = mea_timespec(isinf(ms) || ms < 0 ? 0 : ms);

	if (ppoll(p, 2, isinf(ms) ? NULL : &t, NULL) <= 0)
		return false;
	if (p[0].revents)
		mea_event_clear(event);
	return p[1].revents != 0;
}

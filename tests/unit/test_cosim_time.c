// SPDX-License-Identifier: Apache-2.0
/* mea-cosim as the clock of a guest of User-Mode Linux, before the guest has found its device. */
#include <criterion/criterion.h>
#include <linux/um_timetravel.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 10000

static struct {
	pid_t pid;
	int sock;
	uint32_t seq;
	char dir[32], time[64], pci[64];
} g;

static void start(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char exe[256];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 32);

	exe[n < 0 ? 0 : n] = 0;
	for (int up = 0; up < 3 && strrchr(exe, '/'); up++)
		*strrchr(exe, '/') = 0;
	strcat(exe, "/mea-cosim");
	strcpy(g.dir, "/tmp/mea-test.XXXXXX");
	cr_assert(mkdtemp(g.dir));
	snprintf(g.time, sizeof(g.time), "%s/time", g.dir);
	snprintf(g.pci, sizeof(g.pci), "%s/pci", g.dir);
	g.pid = fork();
	if (!g.pid) {
		execl(exe, exe, "--config", "8x8", "--time", g.time, g.pci, NULL);
		_exit(127);
	}
	g.sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(a.sun_path, g.time);
	for (int ms = 0; connect(g.sock, (struct sockaddr *)&a, sizeof(a)); ms++) {
		cr_assert_lt(ms, WAIT_MS);
		usleep(1000);
	}
}

/* The exit status, after the guest is gone. */
static int stop(void)
{
	int status = -1;

	close(g.sock);
	waitpid(g.pid, &status, 0);
	unlink(g.time);
	unlink(g.pci);
	rmdir(g.dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The next message, and how many descriptors came with it. */
static struct um_timetravel_msg next(int *fds)
{
	struct um_timetravel_msg m = {.op = ~0u};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct pollfd p = {.fd = g.sock, .events = POLLIN};

	*fds = 0;
	if (poll(&p, 1, WAIT_MS) > 0 && recvmsg(g.sock, &msg, MSG_WAITALL) == sizeof(m) &&
	    CMSG_FIRSTHDR(&msg))
		*fds = (int)((CMSG_FIRSTHDR(&msg)->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	return m;
}

static void send_op(uint32_t op, uint64_t time)
{
	struct um_timetravel_msg m = {.op = op, .seq = ++g.seq, .time = time};

	send(g.sock, &m, sizeof(m), MSG_NOSIGNAL);
}

/* The time in the answer. */
static uint64_t ask(uint32_t op, uint64_t time)
{
	struct um_timetravel_msg m;
	int fds;

	send_op(op, time);
	m = next(&fds);
	cr_expect_eq(m.op, UM_TIMETRAVEL_ACK);
	cr_expect_eq(m.seq, g.seq);
	cr_expect_eq(fds, op == UM_TIMETRAVEL_START ? 2 : 0, "%d descriptors with the answer", fds);
	return m.time;
}

/* Answers what comes until the guest may run; returns from when on, and how far alone. */
static uint64_t wait_run(uint64_t *alone)
{
	struct um_timetravel_msg m, answer;
	int fds;

	*alone = 0;
	do {
		m = next(&fds);
		cr_assert(m.op == UM_TIMETRAVEL_RUN || m.op == UM_TIMETRAVEL_FREE_UNTIL,
			  "message %u", m.op);
		if (m.op == UM_TIMETRAVEL_FREE_UNTIL)
			*alone = m.time;
		answer = (struct um_timetravel_msg){.op = UM_TIMETRAVEL_ACK, .seq = m.seq};
		send(g.sock, &answer, sizeof(answer), MSG_NOSIGNAL);
	} while (m.op != UM_TIMETRAVEL_RUN);
	return m.time;
}

Test(cosim_time, runs_when_asked)
{
	uint64_t alone;

	start();
	ask(UM_TIMETRAVEL_START, 7);
	cr_expect_gt(ask(UM_TIMETRAVEL_GET_TOD, 0), 1000000000000000000ull);
	cr_expect_eq(ask(UM_TIMETRAVEL_GET, 0), 0);
	ask(UM_TIMETRAVEL_REQUEST, 5000);
	ask(UM_TIMETRAVEL_WAIT, 0);
	cr_expect_eq(wait_run(&alone), 5000);
	cr_expect_gt(alone, 5000, "nothing else happens soon");
	cr_expect_eq(ask(UM_TIMETRAVEL_GET, 0), 5000);
	ask(UM_TIMETRAVEL_UPDATE, 6000);
	cr_expect_eq(ask(UM_TIMETRAVEL_GET, 0), 6000);
	/* An hour of a guest that does nothing takes no hour. */
	ask(UM_TIMETRAVEL_REQUEST, 3600000000000ull);
	ask(UM_TIMETRAVEL_WAIT, 0);
	cr_expect_eq(wait_run(&alone), 3600000000000ull);
	cr_expect_eq(stop(), 1, "the guest ended without its device");
}

Test(cosim_time, unknown_message)
{
	start();
	ask(UM_TIMETRAVEL_START, 7);
	send_op(77, 0);
	cr_expect_eq(stop(), 1);
}

Test(cosim_time, half_a_message)
{
	start();
	ask(UM_TIMETRAVEL_START, 7);
	cr_expect_eq(send(g.sock, "half", 4, MSG_NOSIGNAL), 4);
	cr_expect_eq(stop(), 1);
}

// SPDX-License-Identifier: Apache-2.0
/* mea-cosim: options, sockets, and the loop that clocks the device and serves the guest. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "cosim.h"
#include "ctl.h"
#include "link.h"

/* Cycles between looks at the guest's queue: about what one register access costs. */
#define SLICE 64
/* Looks at the queue between looks at the sockets. */
#define SLICES_PER_POLL 64
/* How long the guest's next access is waited for without sleeping. */
#define SPIN_NS 30000
#define CLIENTS 8

static const char usage[] =
	"usage: mea-cosim [OPTIONS] SOCKET\n"
	"       mea-cosim --ctl SOCKET|pci COMMAND...\n"
	"\n"
	"The simulated accelerator as a PCI device of a guest, which connects to SOCKET:\n"
	"User-Mode Linux (virtio_uml.device=SOCKET:1234) or QEMU (-device vfio-user-pci).\n"
	"Ends with the guest.\n"
	"\n"
	"      --vfio-user      the guest speaks vfio-user, as QEMU does\n"
	"  -c, --config NAME    array (16x16); NAME-trace to trace\n"
	"  -s, --side SOCKET    side channel: faults and counters, see README.md\n"
	"  -l, --latency N      cycles from a burst's address to its first beat (40)\n"
	"      --stall PERCENT  how often each bus channel is not ready (0)\n"
	"      --seed N         of stalls, power-on contents, random faults (1)\n"
	"      --trace FILE     write waveforms (FST)\n"
	"  -v, --verbose        print the counters at the end\n"
	"      --ctl            send COMMAND to a side channel, print the answer\n"
	"\n"
	"Exit status: 0 the guest ended (or \"kill\"), 1 error, 2 usage, 3 the device or the\n"
	"guest did what neither may ever do.\n";

static void say(const char *kind, const char *format, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, ap);
	fprintf(stderr, "mea-cosim: %s%s\n", kind, text);
}

void cosim_note(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say("", format, ap);
	va_end(ap);
}

void cosim_die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say("", format, ap);
	va_end(ap);
	exit(COSIM_EXIT_ERROR);
}

void cosim_abort(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say("ABORT: ", format, ap);
	va_end(ap);
	exit(COSIM_EXIT_ABORT);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int listen_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		cosim_die("%s: path too long for a socket", path);
	strcpy(a.sun_path, path);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, CLIENTS))
		cosim_die("%s: %s", path, strerror(errno));
	return fd;
}

/* --- the side channel's sockets --------------------------------------------------------- */

struct side {
	int listener;
	struct client {
		int fd;
		char line[256];
		size_t len;
	} client[CLIENTS];
	int n;
};

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
	if (fds[0].revents && s->n < CLIENTS) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			s->client[s->n++] = (struct client){.fd = fd};
	}
}

/* --- the loop ---------------------------------------------------------------------------- */

struct cosim {
	struct device dev;
	struct pci pci;
	struct side side;
	const struct link *link;
	void *guest; /* of link */
};

/* Sleeps for at most timeout_ms until a descriptor has something, and handles it. False
 * when the guest is gone. */
static bool wait_fds(struct cosim *c, int timeout_ms)
{
	struct pollfd fds[LINK_FDS + 1 + CLIENTS];
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

static void loop(struct cosim *c)
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

/* --- command line -------------------------------------------------------------------------- */

static int client_mode(int argc, char **argv)
{
	char command[256] = "", reply[512];
	size_t len = 0;

	if (argc < 2) {
		fputs(usage, stderr);
		return COSIM_EXIT_USAGE;
	}
	for (int i = 1; i < argc && len < sizeof(command); i++)
		len += (size_t)snprintf(command + len, sizeof(command) - len, "%s%s",
					i > 1 ? " " : "", argv[i]);
	if (ctl_command(argv[0], command, reply, sizeof(reply))) {
		fprintf(stderr, "mea-cosim: %s\n", reply);
		return COSIM_EXIT_ERROR;
	}
	puts(reply);
	return 0;
}

static void print_counters(struct device *d)
{
	char reply[512];

	command_run(d, "counters", reply, sizeof(reply));
	cosim_note("%s", reply + 3);
}

/* Creates the sockets, which is what a script waits for, then waits for the guest. */
static void connect_guest(struct cosim *c, const char *path, const char *side)
{
	int listener, fd;

	c->side.listener = side ? listen_at(side) : -1;
	listener = listen_at(path);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		cosim_die("%s: %s", path, strerror(errno));
	close(listener);
	c->guest = c->link->open(fd, &c->pci);
}

static void run(struct cosim *c, const char *path, const char *side, bool verbose)
{
	pci_init(&c->pci, &c->dev);
	connect_guest(c, path, side);
	loop(c);
	if (verbose)
		print_counters(&c->dev);
	device_check(&c->dev);
	c->link->close(c->guest);
	device_close(&c->dev);
}

enum { STALL = 256, SEED, TRACE, CTL, VFIO_USER };

static const struct option options[] = {
	{"vfio-user", no_argument, NULL, VFIO_USER},
	{"config", required_argument, NULL, 'c'},
	{"side", required_argument, NULL, 's'},
	{"latency", required_argument, NULL, 'l'},
	{"stall", required_argument, NULL, STALL},
	{"seed", required_argument, NULL, SEED},
	{"trace", required_argument, NULL, TRACE},
	{"verbose", no_argument, NULL, 'v'},
	{"ctl", no_argument, NULL, CTL},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

int main(int argc, char **argv)
{
	struct mea_sim_options sim = {.latency = 40, .seed = 1};
	const char *config = "16x16", *side = NULL;
	static struct cosim c = {.link = &uml_link};
	bool verbose = false;
	int o;

	while ((o = getopt_long(argc, argv, "+c:s:l:vh", options, NULL)) != -1) {
		switch (o) {
		case VFIO_USER:
			c.link = &vfio_link;
			break;
		case 'c':
			config = optarg;
			break;
		case 's':
			side = optarg;
			break;
		case 'l':
			sim.latency = (uint32_t)atoi(optarg);
			break;
		case STALL:
			sim.stall_percent = (uint32_t)atoi(optarg);
			break;
		case SEED:
			sim.seed = strtoull(optarg, NULL, 0);
			break;
		case TRACE:
			sim.trace = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case CTL:
			return client_mode(argc - optind, argv + optind);
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return COSIM_EXIT_USAGE;
		}
	}
	if (optind != argc - 1) {
		fputs(usage, stderr);
		return COSIM_EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	device_open(&c.dev, config, &sim);
	run(&c, argv[optind], side, verbose);
	return 0;
}

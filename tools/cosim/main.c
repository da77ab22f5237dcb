// SPDX-License-Identifier: Apache-2.0
/* mea-cosim: options and sockets. */
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
#include "loop.h"

static const char usage[] =
	"usage: mea-cosim [OPTIONS] SOCKET\n"
	"       mea-cosim --ctl SOCKET|pci COMMAND...\n"
	"\n"
	"The simulated accelerator as a PCI device of a guest, which connects to SOCKET:\n"
	"User-Mode Linux (virtio_uml.device=SOCKET:1234) or QEMU (-device vfio-user-pci).\n"
	"Ends with the guest.\n"
	"\n"
	"      --vfio-user      the guest speaks vfio-user, as QEMU does\n"
	"      --time SOCKET    the guest's clock is the device's; User-Mode Linux connects\n"
	"                       by time-travel=ext:SOCKET\n"
	"      --clock MHZ      of the device, with --time (100)\n"
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

static int listen_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		cosim_die("%s: path too long for a socket", path);
	strcpy(a.sun_path, path);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, LOOP_CLIENTS))
		cosim_die("%s: %s", path, strerror(errno));
	return fd;
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

struct paths {
	const char *guest, *side, *time; /* sockets; the last two may be NULL */
};

static int accept_at(int listener, const char *path)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		cosim_die("%s: %s", path, strerror(errno));
	close(listener);
	return fd;
}

/* Creates the sockets, which is what a script waits for, then waits for the guest. */
static void connect_guest(struct cosim *c, const struct paths *paths)
{
	int clock = paths->time ? listen_at(paths->time) : -1, listener;

	c->side.listener = paths->side ? listen_at(paths->side) : -1;
	listener = listen_at(paths->guest);
	/* The guest needs its clock long before its device. */
	if (paths->time) {
		timetravel_open(c->dev.time, accept_at(clock, paths->time), c->dev.time->khz);
		if (!timetravel_serve(c->dev.time, &c->dev, listener))
			cosim_die("the guest ended before it had found its device");
	}
	c->guest = c->link->open(accept_at(listener, paths->guest), &c->pci);
}

static void run(struct cosim *c, const struct paths *paths, bool verbose)
{
	pci_init(&c->pci, &c->dev);
	connect_guest(c, paths);
	loop_run(c);
	if (verbose)
		print_counters(&c->dev);
	device_check(&c->dev);
	c->link->close(c->guest);
	if (c->dev.time)
		timetravel_close(c->dev.time);
	device_close(&c->dev);
}

enum { STALL = 256, SEED, TRACE, CTL, VFIO_USER, TIME, CLOCK };

static const struct option options[] = {
	{"vfio-user", no_argument, NULL, VFIO_USER},
	{"time", required_argument, NULL, TIME},
	{"clock", required_argument, NULL, CLOCK},
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

struct settings {
	struct mea_sim_options sim;
	const char *config;
	struct paths paths;
	double clock_mhz;
	bool verbose;
};

/* False for what is no option with a value. */
static bool set_option(struct settings *s, struct cosim *c, int o)
{
	switch (o) {
	case VFIO_USER:
		c->link = &vfio_link;
		return true;
	case TIME:
		s->paths.time = optarg;
		return true;
	case CLOCK:
		s->clock_mhz = strtod(optarg, NULL);
		if (!(s->clock_mhz >= 0.001 && s->clock_mhz <= 10000))
			cosim_die("--clock %s: MHz from 0.001 to 10000", optarg);
		return true;
	case 'c':
		s->config = optarg;
		return true;
	case 's':
		s->paths.side = optarg;
		return true;
	case 'l':
		s->sim.latency = (uint32_t)atoi(optarg);
		return true;
	case STALL:
		s->sim.stall_percent = (uint32_t)atoi(optarg);
		return true;
	case SEED:
		s->sim.seed = strtoull(optarg, NULL, 0);
		return true;
	case TRACE:
		s->sim.trace = optarg;
		return true;
	case 'v':
		s->verbose = true;
		return true;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	struct settings s = {
		.sim = {.latency = 40, .seed = 1}, .config = "16x16", .clock_mhz = 100};
	static struct timetravel time;
	static struct cosim c = {.link = &uml_link};
	int o;

	while ((o = getopt_long(argc, argv, "+c:s:l:vh", options, NULL)) != -1) {
		if (o == CTL)
			return client_mode(argc - optind, argv + optind);
		if (o == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (!set_option(&s, &c, o)) {
			fputs(usage, stderr);
			return COSIM_EXIT_USAGE;
		}
	}
	if (optind != argc - 1) {
		fputs(usage, stderr);
		return COSIM_EXIT_USAGE;
	}
	if (s.paths.time && c.link != &uml_link)
		cosim_die("--time: a guest of vfio-user has a clock of its own");
	signal(SIGPIPE, SIG_IGN);
	s.paths.guest = argv[optind];
	device_open(&c.dev, s.config, &s.sim);
	time.khz = (uint64_t)(s.clock_mhz * 1000 + 0.5);
	if (s.paths.time)
		c.dev.time = &time;
	run(&c, &s.paths, s.verbose);
	return 0;
}

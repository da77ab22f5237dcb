// SPDX-License-Identifier: Apache-2.0
/*
 * A bad link between two network namespaces, in user space, as not every kernel has netem:
 *
 *   link NETNS FILE
 *
 * makes the device edge0 here and cloud0 in /run/netns/NETNS and carries packets from one to the
 * other. FILE holds three numbers: delay each way in ms, loss each way in percent, rate in kbit/s
 * (0: no limit); SIGHUP reads it again. Prints a line when the devices are there; runs until
 * killed.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define MTU_MAX 2048
#define QUEUE	1000 /* packets a direction, as netem has it */

struct packet {
	double due; /* ms */
	ssize_t size;
	char data[MTU_MAX];
};

struct direction {
	int from, to;
	struct packet *queue; /* a ring */
	int head, n;
	double free_at; /* when the wire is free for the next packet */
};

static struct {
	double delay_ms, loss, kbit;
} quality;

static volatile sig_atomic_t read_again;

static void on_hup(int sig)
{
	(void)sig;
	read_again = 1;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int make_device(const char *name)
{
	struct ifreq r = {0};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	r.ifr_flags = IFF_TUN | IFF_NO_PI;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r)) {
		perror(name);
		exit(1);
	}
	return fd;
}

/* A device belongs to the namespace in which it was made. */
static int make_device_in(const char *netns, const char *name)
{
	char path[256];
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there, fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET)) {
		perror(path);
		exit(1);
	}
	fd = make_device(name);
	if (setns(here, CLONE_NEWNET)) {
		perror("setns");
		exit(1);
	}
	close(there);
	close(here);
	return fd;
}

static void read_quality(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f || fscanf(f, "%lf %lf %lf", &quality.delay_ms, &quality.loss, &quality.kbit) != 3)
		fprintf(stderr, "link: %s: needs delay, loss and rate\n", path);
	if (f)
		fclose(f);
}

static void take(struct direction *d)
{
	struct packet *p = &d->queue[(d->head + d->n) % QUEUE], lost;
	double now = now_ms();

	/* A packet for which there is no room is read and forgotten. */
	if (d->n == QUEUE)
		p = &lost;
	p->size = read(d->from, p->data, MTU_MAX);
	if (p->size <= 0 || p == &lost || drand48() * 100 < quality.loss)
		return;
	if (d->free_at < now)
		d->free_at = now;
	if (quality.kbit > 0)
		d->free_at += (double)p->size * 8 / quality.kbit;
	p->due = d->free_at + quality.delay_ms;
	d->n++;
}

/* Hands on what is due; returns the ms until the next is, 1000 when nothing waits. */
static double give(struct direction *d)
{
	while (d->n) {
		struct packet *p = &d->queue[d->head];
		double left = p->due - now_ms();

		if (left > 0)
			return left;
		if (write(d->to, p->data, (size_t)p->size) < 0)
			left = 0; /* a device that is down loses it */
		d->head = (d->head + 1) % QUEUE;
		d->n--;
	}
	return 1000;
}

static void carry(int edge, int cloud, const char *file)
{
	struct direction d[2] = {{.from = edge, .to = cloud}, {.from = cloud, .to = edge}};
	struct pollfd p[2] = {{edge, POLLIN, 0}, {cloud, POLLIN, 0}};

	for (int i = 0; i < 2; i++)
		d[i].queue = calloc(QUEUE, sizeof(*d[i].queue));
	while (d[0].queue && d[1].queue) {
		double a = give(&d[0]), b = give(&d[1]), wait = a < b ? a : b;
		struct timespec t = {(time_t)(wait / 1000), (long)(wait * 1e6) % 1000000000};

		if (read_again) {
			read_again = 0;
			read_quality(file);
		}
		if (ppoll(p, 2, &t, NULL) <= 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (p[i].revents & POLLIN)
				take(&d[i]);
	}
}

int main(int argc, char **argv)
{
	struct sigaction hup = {.sa_handler = on_hup};
	int edge, cloud;

	if (argc != 3) {
		fputs("usage: link NETNS FILE\n", stderr);
		return 2;
	}
	sigaction(SIGHUP, &hup, NULL);
	edge = make_device("edge0");
	cloud = make_device_in(argv[1], "cloud0");
	read_quality(argv[2]);
	puts("here");
	fflush(stdout);
	carry(edge, cloud, argv[2]);
	return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of mea-cosim for tests: what a guest does to reach a PCI device, without the
 * guest. One device at a time; cosim_vhost.h or cosim_vfio.h has what the link adds.
 */
#ifndef MEA_TEST_COSIM_GUEST_H
#define MEA_TEST_COSIM_GUEST_H

#include <linux/virtio_pcidev.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cosim/ctl.h"
#include "mea_isa.h"

#define GUEST_BASE 0x200000ull
#define GUEST_SIZE 0x100000u
#define GUEST_DATA 0x10000u /* below: what the link needs */
#define MSI_DATA   0x55u
#define WAIT_MS	   5000

static struct {
	pid_t pid;
	int sock, memfd;
	uint8_t *mem;
	char dir[32], path[64], side[64];
} g;

/* --- of the link ------------------------------------------------------------------------------ */

/* Sets up memory and the device; 0 or -1. */
static int link_up(void);
static void link_down(void);
/* One request (VIRTIO_PCIDEV_OP_*) and its answer; false when none came. */
static bool guest_request(uint8_t op, uint64_t addr, const void *out, uint32_t size, void *in);
/* Waits for an interrupt message; returns its data, -1 when none came in time. */
static int guest_irq(int ms);

/* --- accesses --------------------------------------------------------------------------------- */

static inline uint32_t cfg_read(uint32_t addr, uint32_t size)
{
	uint32_t v = 0;

	return guest_request(VIRTIO_PCIDEV_OP_CFG_READ, addr, NULL, size, &v) ? v : 0xdeadbeefu;
}

static inline bool cfg_write(uint32_t addr, uint32_t size, uint32_t v)
{
	return guest_request(VIRTIO_PCIDEV_OP_CFG_WRITE, addr, &v, size, NULL);
}

static inline uint32_t reg_read(uint32_t reg)
{
	uint32_t v = 0;

	return guest_request(VIRTIO_PCIDEV_OP_MMIO_READ, reg, NULL, 4, &v) ? v : 0xdeadbeefu;
}

static inline bool reg_write(uint32_t reg, uint32_t v)
{
	return guest_request(VIRTIO_PCIDEV_OP_MMIO_WRITE, reg, &v, 4, NULL);
}

static inline void spawn(const char *const *options)
{
	const char *argv[16] = {NULL, "--config", "8x8", "--side", g.side};
	char exe[256];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 32);
	int i = 5;

	exe[n < 0 ? 0 : n] = 0;
	for (int up = 0; up < 3 && strrchr(exe, '/'); up++)
		*strrchr(exe, '/') = 0;
	strcat(exe, "/mea-cosim");
	argv[0] = exe;
	while (options && *options)
		argv[i++] = *options++;
	argv[i] = g.path;
	g.pid = fork();
	if (!g.pid) {
		execv(exe, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
}

/* Starts mea-cosim and does all that a guest kernel does until its driver probes: memory
 * and bus mastering on, MSI on. Returns 0 or -1. */
static inline int guest_start(const char *const *options)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	memset(&g, 0, sizeof(g));
	strcpy(g.dir, "/tmp/mea-test.XXXXXX");
	if (!mkdtemp(g.dir))
		return -1;
	snprintf(g.path, sizeof(g.path), "%s/pci", g.dir);
	snprintf(g.side, sizeof(g.side), "%s/side", g.dir);
	spawn(options);
	g.sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(a.sun_path, g.path);
	for (int i = 0; connect(g.sock, (struct sockaddr *)&a, sizeof(a)); i++) {
		if (i == 500)
			return -1;
		usleep(10000);
	}
	g.memfd = memfd_create("guest", MFD_CLOEXEC);
	if (ftruncate(g.memfd, GUEST_SIZE))
		return -1;
	g.mem = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, g.memfd, 0);
	if (link_up())
		return -1;
	/* Memory and master; MSI to 0xa0000 with our number. */
	return cfg_write(0x04, 2, 6) && cfg_write(0x44, 4, 0xa0000) && cfg_write(0x48, 4, 0) &&
			       cfg_write(0x4c, 2, MSI_DATA) && cfg_write(0x42, 2, 1)
		       ? 0
		       : -1;
}

/* Hangs up; returns mea-cosim's exit status. */
static inline int guest_stop(void)
{
	int status = 0;

	close(g.sock);
	waitpid(g.pid, &status, 0);
	munmap(g.mem, GUEST_SIZE);
	close(g.memfd);
	link_down();
	unlink(g.path);
	unlink(g.side);
	rmdir(g.dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A command of the side channel; true for "ok". */
static inline bool side(const char *command)
{
	char reply[512];

	return ctl_command(g.side, command, reply, sizeof(reply)) == 0;
}

#endif

// SPDX-License-Identifier: Apache-2.0
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mea_isa.h"

static int through_socket(int fd, const char *command, char *reply, size_t size)
{
	size_t got = 0;
	ssize_t n;

	if (dprintf(fd, "%s\n", command) < 0)
		return -1;
	while (got < size - 1 && (n = read(fd, reply + got, size - 1 - got)) > 0) {
		got += (size_t)n;
		if (reply[got - 1] == '\n')
			break;
	}
	reply[got] = 0;
	reply[strcspn(reply, "\n")] = 0;
	return 0;
}

static int through_mailbox(int fd, const char *command, char *reply, size_t size)
{
	size_t len = strlen(command) + 1, got = 0;

	for (size_t i = 0; i < len; i += 4) {
		char word[4] = {0};

		memcpy(word, command + i, len - i < 4 ? len - i : 4);
		if (pwrite(fd, word, 4, CTL_PCI_CAP + CTL_PCI_LINE) != 4)
			return -1;
	}
	for (;;) {
		char word[4];

		if (pread(fd, word, 4, CTL_PCI_CAP + CTL_PCI_REPLY) != 4)
			return -1;
		for (int i = 0; i < 4; i++) {
			/* All ones: nobody is there any more. */
			if (!word[i] || (unsigned char)word[i] == 0xff || got == size - 1) {
				reply[got] = 0;
				return 0;
			}
			reply[got++] = word[i];
		}
	}
}

static int open_mailbox(const char *path)
{
	uint16_t ids[2];
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (pread(fd, ids, sizeof(ids), 0) == sizeof(ids) && ids[0] == MEA_PCI_VENDOR &&
	    ids[1] == MEA_PCI_DEVICE)
		return fd;
	close(fd);
	errno = ENODEV;
	return -1;
}

static int open_first_mailbox(void)
{
	glob_t g = {0};
	int fd = -1;

	if (!glob("/sys/bus/pci/devices/*/config", 0, NULL, &g))
		for (size_t i = 0; i < g.gl_pathc && fd < 0; i++)
			fd = open_mailbox(g.gl_pathv[i]);
	globfree(&g);
	return fd;
}

static int open_socket(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(a.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int ctl_command(const char *path, const char *command, char *reply, size_t size)
{
	bool first = !path || !strcmp(path, "pci");
	bool pci = first || !strncmp(path, "/sys/", 5);
	int fd, rc;

	fd = first ? open_first_mailbox() : pci ? open_mailbox(path) : open_socket(path);
	if (fd < 0) {
		snprintf(reply, size, "%s: %s", first ? "no device on the PCI bus" : path,
			 strerror(errno));
		return -1;
	}
	rc = pci ? through_mailbox(fd, command, reply, size)
		 : through_socket(fd, command, reply, size);
	if (rc)
		snprintf(reply, size, "%s", strerror(errno));
	close(fd);
	return rc || strncmp(reply, "ok", 2) ? -1 : 0;
}

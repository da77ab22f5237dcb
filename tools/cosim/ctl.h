/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the side channel: from the host over its socket, from inside the guest
 * through a mailbox in the PCI configuration space. For tests, and mea-cosim --ctl.
 */
#ifndef MEA_COSIM_CTL_H
#define MEA_COSIM_CTL_H

#include <stddef.h>

/* The mailbox: a vendor-specific capability. Words written to LINE are the line, four
 * characters each, up to a zero; words read from REPLY are the answer, up to a zero. */
#define CTL_PCI_CAP	 0x80
#define CTL_PCI_CAP_SIZE 12
#define CTL_PCI_LINE	 4
#define CTL_PCI_REPLY	 8

/*
 * Sends a command, e.g. "hang", and gets its answer, "ok ...". path: the socket; or "pci"
 * or NULL for the first device on this machine's PCI bus that is one of ours; or the
 * config file of one device in /sys/bus/pci. Returns 0 for an answer with "ok", else -1
 * with a sentence in reply.
 */
int ctl_command(const char *path, const char *command, char *reply, size_t size);

#endif

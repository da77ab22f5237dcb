/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accelerator as a PCI function: configuration space with BAR 0, MSI and a
 * mailbox to the side channel, and the requests that the guest's virtual PCI bus sends.
 */
#ifndef MEA_COSIM_PCI_H
#define MEA_COSIM_PCI_H

#include "device.h"
#include "vhost.h"

#define PCI_BAR_SIZE 4096u

struct pci {
	uint8_t config[256];
	struct device *dev;
	struct vhost *vhost;
	unsigned pending; /* messages for which no buffer was free */
	uint64_t config_reads, config_writes;
	char line[256], reply[512]; /* the mailbox */
	size_t line_len, reply_pos;
};

/* For vhost_new(); arg is a struct pci. */
extern const struct vhost_ops pci_vhost_ops;

/* Takes the device, whose interrupts it sends to p->vhost. */
void pci_init(struct pci *p, struct device *dev);

/* Sends what is pending. */
void pci_flush(struct pci *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accelerator as a PCI function: configuration space with BAR 0, MSI and a
 * mailbox to the side channel. A link (link.h) carries its accesses and messages.
 */
#ifndef MEA_COSIM_PCI_H
#define MEA_COSIM_PCI_H

#include "device.h"

#define PCI_BAR_SIZE 4096u

struct pci {
	uint8_t config[256];
	struct device *dev;
	/* Tells the guest of one interrupt, while MSI is on. */
	void (*message)(void *link);
	void *link;
	char line[256], reply[512]; /* the mailbox */
	size_t line_len, reply_pos;
};

/* Takes the device, whose interrupts it sends with p->message. */
void pci_init(struct pci *p, struct device *dev);

/* As after a reset of the bus: the configuration space is new, and the device resets. */
void pci_reset(struct pci *p);

/* Whether the guest wants MSI and the function may send them. */
bool pci_msi_on(const struct pci *p);
/* Where to and what, once MSI is on. */
uint64_t pci_msi_address(const struct pci *p);
uint16_t pci_msi_data(const struct pci *p);

/* bytes (1 to 4) at addr of the configuration space; beyond it are zeros. */
uint32_t pci_config_read(struct pci *p, uint64_t addr, unsigned bytes);
void pci_config_write(struct pci *p, uint64_t addr, unsigned bytes, uint32_t value);

/* size bytes at addr of a BAR, all ones where nothing answers. */
void pci_bar_read(struct pci *p, unsigned bar, uint64_t addr, uint8_t *to, size_t size);
void pci_bar_write(struct pci *p, unsigned bar, uint64_t addr, const uint8_t *from, size_t size);

#endif

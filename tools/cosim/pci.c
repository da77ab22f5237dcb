// SPDX-License-Identifier: Apache-2.0
#include "pci.h"

#include <linux/pci_regs.h>
#include <string.h>

#include "command.h"
#include "ctl.h"
#include "mea_isa.h"

#define CAP_MSI	     0x40
#define CLASS_ACCEL  0x1200 /* processing accelerator */
#define MSI_DATA     (CAP_MSI + PCI_MSI_DATA_64)
#define COMMAND_BITS (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)

static uint32_t get(const uint8_t *p, unsigned bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static void put(uint8_t *p, uint32_t v, unsigned bytes)
{
	for (; bytes; bytes--, v >>= 8)
		*p++ = (uint8_t)v;
}

/* --- interrupt ---------------------------------------------------------------------- */

bool pci_msi_on(const struct pci *p)
{
	return p->config[CAP_MSI + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_ENABLE && p->dev->master;
}

uint64_t pci_msi_address(const struct pci *p)
{
	return get(p->config + CAP_MSI + PCI_MSI_ADDRESS_LO, 4) |
	       (uint64_t)get(p->config + CAP_MSI + PCI_MSI_ADDRESS_HI, 4) << 32;
}

uint16_t pci_msi_data(const struct pci *p)
{
	return (uint16_t)get(p->config + MSI_DATA, 2);
}

static void send_msi(void *arg)
{
	struct pci *p = arg;

	if (pci_msi_on(p))
		p->message(p->link);
}

/* --- configuration space ----------------------------------------------------------------- */

/* A line of the side channel, four characters at a time; a zero ends and runs it. */
static void mailbox_write(struct pci *p, uint32_t value, unsigned bytes)
{
	for (; bytes; bytes--, value >>= 8) {
		char c = (char)value;

		if (c && p->line_len < sizeof(p->line) - 1) {
			p->line[p->line_len++] = c;
		} else if (!c && p->line_len) {
			p->line[p->line_len] = 0;
			p->line_len = 0;
			p->reply_pos = 0;
			command_run(p->dev, p->line, p->reply, sizeof(p->reply));
		}
	}
}

static uint32_t mailbox_read(struct pci *p, unsigned bytes)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < bytes && p->reply[p->reply_pos]; i++)
		v |= (uint32_t)(uint8_t)p->reply[p->reply_pos++] << 8 * i;
	return v;
}

uint32_t pci_config_read(struct pci *p, uint64_t addr, unsigned bytes)
{
	if (addr == CTL_PCI_CAP + CTL_PCI_REPLY)
		return mailbox_read(p, bytes);
	if (addr + bytes > sizeof(p->config))
		return 0;
	return get(p->config + addr, bytes);
}

/* Which bits of the byte at addr the guest may change. */
static uint8_t writable(unsigned addr)
{
	switch (addr) {
	case PCI_COMMAND:
		return COMMAND_BITS & 0xff;
	case PCI_COMMAND + 1:
		return COMMAND_BITS >> 8;
	case PCI_CACHE_LINE_SIZE:
	case PCI_LATENCY_TIMER:
	case PCI_INTERRUPT_LINE:
		return 0xff;
	case PCI_BASE_ADDRESS_0 + 1:
		return (uint8_t)(~(PCI_BAR_SIZE - 1) >> 8);
	case PCI_BASE_ADDRESS_0 + 2:
	case PCI_BASE_ADDRESS_0 + 3:
		return 0xff;
	case CAP_MSI + PCI_MSI_FLAGS:
		return PCI_MSI_FLAGS_ENABLE;
	case CAP_MSI + PCI_MSI_ADDRESS_LO:
		return 0xfc;
	default:
		return addr > CAP_MSI + PCI_MSI_ADDRESS_LO && addr < MSI_DATA + 2 ? 0xff : 0;
	}
}

void pci_config_write(struct pci *p, uint64_t addr, unsigned bytes, uint32_t value)
{
	if (addr == CTL_PCI_CAP + CTL_PCI_LINE) {
		mailbox_write(p, value, bytes);
		return;
	}
	for (unsigned i = 0; i < bytes && addr + i < sizeof(p->config); i++, value >>= 8) {
		uint8_t mask = writable((unsigned)addr + i), *b = &p->config[addr + i];

		*b = (uint8_t)((*b & ~mask) | ((uint8_t)value & mask));
	}
	device_set_master(p->dev, p->config[PCI_COMMAND] & PCI_COMMAND_MASTER);
}

static void power_on(struct pci *p)
{
	uint8_t *c = p->config;

	memset(c, 0, sizeof(p->config));
	put(c + PCI_VENDOR_ID, MEA_PCI_VENDOR, 2);
	put(c + PCI_DEVICE_ID, MEA_PCI_DEVICE, 2);
	put(c + PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	put(c + PCI_CLASS_DEVICE, CLASS_ACCEL, 2);
	put(c + PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_SPACE_MEMORY, 4);
	put(c + PCI_SUBSYSTEM_VENDOR_ID, MEA_PCI_VENDOR, 2);
	put(c + PCI_SUBSYSTEM_ID, MEA_PCI_DEVICE, 2);
	c[PCI_CAPABILITY_LIST] = CAP_MSI;
	c[CAP_MSI + PCI_CAP_LIST_ID] = PCI_CAP_ID_MSI;
	c[CAP_MSI + PCI_CAP_LIST_NEXT] = CTL_PCI_CAP;
	put(c + CAP_MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT, 2);
	c[CTL_PCI_CAP + PCI_CAP_LIST_ID] = PCI_CAP_ID_VNDR;
	c[CTL_PCI_CAP + PCI_CAP_FLAGS] = CTL_PCI_CAP_SIZE;
}

void pci_init(struct pci *p, struct device *dev)
{
	memset(p, 0, sizeof(*p));
	p->dev = dev;
	dev->send = send_msi;
	dev->send_arg = p;
	power_on(p);
}

void pci_reset(struct pci *p)
{
	power_on(p);
	device_write(p->dev, MEA_REG_CONTROL, MEA_CONTROL_RESET_MASK);
	device_set_master(p->dev, false);
}

/* --- BAR 0 ---------------------------------------------------------------------------------- */

static bool decoded(const struct pci *p, unsigned bar, uint64_t addr, size_t size)
{
	return bar == 0 && p->config[PCI_COMMAND] & PCI_COMMAND_MEMORY && addr < PCI_BAR_SIZE &&
	       size <= PCI_BAR_SIZE - addr;
}

/* The bridge to AXI4-Lite has 32-bit words; it reads whole ones and cuts out what was
 * asked for. */
void pci_bar_read(struct pci *p, unsigned bar, uint64_t addr, uint8_t *to, size_t size)
{
	if (!decoded(p, bar, addr, size)) {
		memset(to, 0xff, size);
		return;
	}
	while (size) {
		uint32_t word = device_read(p->dev, (uint32_t)addr & ~3u) >> 8 * (addr & 3);
		unsigned n = 4 - (unsigned)(addr & 3);

		if (n > size)
			n = (unsigned)size;
		put(to, word, n);
		to += n, addr += n, size -= n;
	}
}

/* The device ignores writes of less than a word. */
void pci_bar_write(struct pci *p, unsigned bar, uint64_t addr, const uint8_t *from, size_t size)
{
	if (!decoded(p, bar, addr, size))
		return;
	for (; size >= 4 && addr % 4 == 0; size -= 4, from += 4, addr += 4)
		device_write(p->dev, (uint32_t)addr, get(from, 4));
}

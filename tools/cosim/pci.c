// SPDX-License-Identifier: Apache-2.0
#include "pci.h"

#include <linux/pci_regs.h>
#include <linux/virtio_pcidev.h>
#include <string.h>

#include "command.h"
#include "cosim.h"
#include "ctl.h"
#include "mea_isa.h"

#define CAP_MSI	     0x40
#define CLASS_ACCEL  0x1200 /* processing accelerator */
#define PENDING_MAX  64
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

static bool msi_on(const struct pci *p)
{
	return p->config[CAP_MSI + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_ENABLE && p->dev->master;
}

void pci_flush(struct pci *p)
{
	union {
		struct virtio_pcidev_msg msg;
		uint8_t bytes[sizeof(struct virtio_pcidev_msg) + 2];
	} m;

	while (p->pending) {
		memset(&m, 0, sizeof(m));
		m.msg.op = VIRTIO_PCIDEV_OP_MSI;
		m.msg.size = 2;
		m.msg.addr = get(p->config + CAP_MSI + PCI_MSI_ADDRESS_LO, 4) |
			     (uint64_t)get(p->config + CAP_MSI + PCI_MSI_ADDRESS_HI, 4) << 32;
		memcpy(m.msg.data, p->config + MSI_DATA, 2);
		if (!msi_on(p))
			p->pending = 0;
		else if (vhost_event(p->vhost, &m, sizeof(m.msg) + 2))
			p->pending--;
		else
			return;
	}
}

static void send_msi(void *arg)
{
	struct pci *p = arg;

	if (msi_on(p) && p->pending < PENDING_MAX)
		p->pending++;
	pci_flush(p);
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

static uint32_t config_read(struct pci *p, uint64_t addr, unsigned bytes)
{
	p->config_reads++;
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

static void config_write(struct pci *p, uint64_t addr, unsigned bytes, uint32_t value)
{
	p->config_writes++;
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

void pci_init(struct pci *p, struct device *dev)
{
	uint8_t *c = p->config;

	memset(p, 0, sizeof(*p));
	p->dev = dev;
	dev->send = send_msi;
	dev->send_arg = p;
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

/* --- BAR 0 ---------------------------------------------------------------------------------- */

static bool decoded(const struct pci *p, uint8_t bar, uint64_t addr, size_t size)
{
	return bar == 0 && p->config[PCI_COMMAND] & PCI_COMMAND_MEMORY && addr < PCI_BAR_SIZE &&
	       size <= PCI_BAR_SIZE - addr;
}

/* The bridge to AXI4-Lite has 32-bit words; it reads whole ones and cuts out what was
 * asked for. */
static void bar_read(struct pci *p, uint64_t addr, uint8_t *to, size_t size)
{
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
static void bar_write(struct pci *p, uint64_t addr, const uint8_t *from, size_t size)
{
	for (; size >= 4 && addr % 4 == 0; size -= 4, from += 4, addr += 4)
		device_write(p->dev, (uint32_t)addr, get(from, 4));
}

/* --- requests ------------------------------------------------------------------------------- */

static size_t request(void *arg, const uint8_t *bytes, size_t size, uint8_t *reply, size_t room)
{
	struct pci *p = arg;
	struct virtio_pcidev_msg m;
	const uint8_t *data = bytes + sizeof(m);

	if (size < sizeof(m))
		cosim_abort("virtual PCI: request of %zu bytes", size);
	memcpy(&m, bytes, sizeof(m));
	size -= sizeof(m);
	switch (m.op) {
	case VIRTIO_PCIDEV_OP_CFG_READ:
		if (m.size > 8 || m.size > room)
			break;
		memset(reply, 0, m.size);
		put(reply, config_read(p, m.addr, m.size > 4 ? 4 : m.size),
		    m.size > 4 ? 4 : m.size);
		if (m.size > 4)
			put(reply + 4, config_read(p, m.addr + 4, m.size - 4), m.size - 4);
		return m.size;
	case VIRTIO_PCIDEV_OP_CFG_WRITE:
		/* A memset_io() arrives as this too, with a size that no access has. */
		if ((m.size != 1 && m.size != 2 && m.size != 4) || m.size > size)
			break;
		config_write(p, m.addr, m.size, get(data, m.size));
		return 0;
	case VIRTIO_PCIDEV_OP_MMIO_READ:
		if (m.size > room)
			break;
		if (decoded(p, m.bar, m.addr, m.size))
			bar_read(p, m.addr, reply, m.size);
		else
			memset(reply, 0xff, m.size);
		return m.size;
	case VIRTIO_PCIDEV_OP_MMIO_WRITE:
		if (m.size > size)
			break;
		if (decoded(p, m.bar, m.addr, m.size))
			bar_write(p, m.addr, data, m.size);
		return 0;
	}
	cosim_abort("virtual PCI: operation %u, bar %u, address 0x%llx, %u bytes (%zu sent, %zu of "
		    "room)",
		    m.op, m.bar, (unsigned long long)m.addr, m.size, size, room);
}

static void memory(void *arg, uint64_t addr, void *host, size_t size)
{
	device_memory(((struct pci *)arg)->dev, addr, host, size);
}

const struct vhost_ops pci_vhost_ops = {.request = request, .memory = memory};

// SPDX-License-Identifier: Apache-2.0
/* The virtual PCI bus of User-Mode Linux: requests and messages in virtqueues. */
#include <linux/virtio_pcidev.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cosim.h"
#include "link.h"
#include "vhost.h"

/*
 * So many answered writes make the guest take their memory back, of 256 that the queue
 * holds. Its next read does so too, and costs no interrupt.
 */
#define TELL_MANY   200
#define PENDING_MAX 64

struct uml {
	struct pci *pci;
	struct vhost *vhost;
	unsigned pending; /* messages for which no buffer was free */
	struct timetravel *time;
};

/* --- requests ------------------------------------------------------------------------------- */

static void config_read(struct pci *p, const struct virtio_pcidev_msg *m, uint8_t *reply)
{
	for (uint32_t done = 0; done < m->size; done += 4) {
		uint32_t n = m->size - done < 4 ? m->size - done : 4;
		uint32_t value = pci_config_read(p, m->addr + done, n);

		memcpy(reply + done, &value, n);
	}
}

static size_t one_access(struct pci *p, const uint8_t *bytes, size_t size, uint8_t *reply,
			 size_t room)
{
	struct virtio_pcidev_msg m;
	const uint8_t *data = bytes + sizeof(m);
	uint32_t value = 0;

	if (size < sizeof(m))
		cosim_abort("virtual PCI: request of %zu bytes", size);
	memcpy(&m, bytes, sizeof(m));
	size -= sizeof(m);
	switch (m.op) {
	case VIRTIO_PCIDEV_OP_CFG_READ:
		if (m.size > 8 || m.size > room)
			break;
		config_read(p, &m, reply);
		return m.size;
	case VIRTIO_PCIDEV_OP_CFG_WRITE:
		/* A memset_io() arrives as this too, with a size that no access has. */
		if ((m.size != 1 && m.size != 2 && m.size != 4) || m.size > size)
			break;
		memcpy(&value, data, m.size);
		pci_config_write(p, m.addr, m.size, value);
		return 0;
	case VIRTIO_PCIDEV_OP_MMIO_READ:
		if (m.size > room)
			break;
		pci_bar_read(p, m.bar, m.addr, reply, m.size);
		return m.size;
	case VIRTIO_PCIDEV_OP_MMIO_WRITE:
		if (m.size > size)
			break;
		pci_bar_write(p, m.bar, m.addr, data, m.size);
		return 0;
	}
	cosim_abort("virtual PCI: operation %u, bar %u, address 0x%llx, %u bytes (%zu sent, %zu of "
		    "room)",
		    m.op, m.bar, (unsigned long long)m.addr, m.size, size, room);
}

static size_t request(void *arg, const uint8_t *bytes, size_t size, uint8_t *reply, size_t room)
{
	struct uml *u = arg;
	size_t n = one_access(u->pci, bytes, size, reply, room);

	if (u->time)
		timetravel_watch(u->time, u->pci->dev, u->pending || vhost_owes(u->vhost));
	return n;
}

static void memory(void *arg, uint64_t addr, void *host, size_t size)
{
	struct device *d = ((struct uml *)arg)->pci->dev;

	if (!host)
		device_unmap(d, addr, size);
	else if (!device_map(d, addr, host, size, true))
		cosim_die("guest memory at 0x%llx, %zu bytes: empty, or there is some already",
			  (unsigned long long)addr, size);
}

static const struct vhost_ops ops = {.request = request, .memory = memory};

/* --- messages ------------------------------------------------------------------------------- */

static void flush(struct uml *u)
{
	union {
		struct virtio_pcidev_msg msg;
		uint8_t bytes[sizeof(struct virtio_pcidev_msg) + 2];
	} m;
	uint16_t data = pci_msi_data(u->pci);

	while (u->pending) {
		memset(&m, 0, sizeof(m));
		m.msg.op = VIRTIO_PCIDEV_OP_MSI;
		m.msg.size = sizeof(data);
		m.msg.addr = pci_msi_address(u->pci);
		memcpy(m.msg.data, &data, sizeof(data));
		if (!pci_msi_on(u->pci))
			u->pending = 0;
		else if (vhost_event(u->vhost, &m, sizeof(m.msg) + sizeof(data)))
			u->pending--;
		else
			return;
	}
}

static void message(void *link)
{
	struct uml *u = link;

	if (u->pending < PENDING_MAX)
		u->pending++;
	flush(u);
}

/* --- the guest's clock ---------------------------------------------------------------------- */

static bool meanwhile(void *arg, int fd)
{
	return timetravel_serve(((struct uml *)arg)->time, NULL, fd);
}

/* --- link ----------------------------------------------------------------------------------- */

static void *uml_open(int socket, struct pci *p)
{
	struct uml *u = calloc(1, sizeof(*u));

	if (!u)
		cosim_die("out of memory");
	u->pci = p;
	u->vhost = vhost_new(socket, &ops, u);
	u->time = p->dev->time;
	if (u->time)
		vhost_in_band(u->vhost, meanwhile);
	p->message = message;
	p->link = u;
	return u;
}

static void uml_close(void *link)
{
	struct uml *u = link;

	vhost_free(u->vhost);
	free(u);
}

static int uml_fds(const void *link, int *fds)
{
	const struct uml *u = link;
	int n = vhost_fds(u->vhost, fds);

	if (u->time)
		fds[n++] = u->time->fd;
	return n;
}

static int uml_serve(void *link)
{
	struct uml *u = link;
	int served = vhost_serve(u->vhost);

	if (vhost_untold(u->vhost) >= TELL_MANY)
		vhost_tell(u->vhost);
	flush(u);
	if (u->time && u->time->waiting)
		vhost_deliver(u->vhost);
	return served;
}

static void uml_want_wake(void *link, bool want)
{
	vhost_want_kick(((struct uml *)link)->vhost, want);
}

static bool uml_woken(void *link, bool ready)
{
	struct uml *u = link;

	vhost_kicked(u->vhost);
	if (u->time) {
		struct pollfd p = {.fd = u->time->fd, .events = POLLIN};

		if (poll(&p, 1, 0) > 0 && !timetravel_message(u->time))
			return false;
	}
	return !ready || vhost_message(u->vhost);
}

const struct link uml_link = {uml_open, uml_close, uml_fds, uml_serve, uml_want_wake, uml_woken};

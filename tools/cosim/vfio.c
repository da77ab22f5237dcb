// SPDX-License-Identifier: Apache-2.0
/*
 * A server of vfio-user 0.1, with what QEMU's vfio-user-pci asks of a PCI function: BAR 0,
 * the configuration space, one MSI, and the guest's memory in files.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cosim.h"
#include "vfio_internal.h"

enum {
	VERSION = 1,
	DMA_MAP = 2,
	DMA_UNMAP = 3,
	DEVICE_GET_INFO = 4,
	DEVICE_GET_REGION_INFO = 5,
	DEVICE_GET_IRQ_INFO = 7,
	DEVICE_SET_IRQS = 8,
	REGION_READ = 9,
	REGION_WRITE = 10,
	DEVICE_RESET = 13,
};

#define CONFIG_SIZE 256u

static const char capabilities[] = "{\"capabilities\":{\"max_msg_fds\":8,"
				   "\"max_data_xfer_size\":4096,\"pgsizes\":4096,"
				   "\"max_dma_maps\":65535}}";

/* --- what the messages do: 0 or an error number; v->size is that of the answer ------------------
 */

static int version(struct vfio *v)
{
	if (v->b.version.major != 0) {
		cosim_note("vfio-user: the peer speaks version %u.%u, this server 0.1",
			   v->b.version.major, v->b.version.minor);
		return EINVAL;
	}
	memcpy(v->b.version.capabilities, capabilities, sizeof(capabilities));
	v->size = 4 + sizeof(capabilities);
	return 0;
}

static int dma_map(struct vfio *v)
{
	v->size = 0;
	return vfio_dma_map(&v->dma, v->pci->dev, v->n_fds ? v->fds[0] : -1, v->b.map.offset,
			    v->b.map.addr, v->b.map.size, v->b.map.flags & VFIO_DMA_MAP_FLAG_WRITE);
}

static int dma_unmap(struct vfio *v)
{
	bool all = v->b.unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL;
	uint64_t addr = all ? 0 : v->b.unmap.addr, size = all ? UINT64_MAX : v->b.unmap.size;

	v->size = sizeof(v->b.unmap);
	if (size && device_unmap(v->pci->dev, addr, size))
		return 0;
	cosim_note("vfio-user: unmap of 0x%llx bytes at 0x%llx: empty, or a part of a map",
		   (unsigned long long)size, (unsigned long long)addr);
	return EINVAL;
}

static int device_info(struct vfio *v)
{
	v->b.info.argsz = sizeof(v->b.info);
	v->b.info.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI;
	v->b.info.regions = VFIO_PCI_NUM_REGIONS;
	v->b.info.irqs = VFIO_PCI_NUM_IRQS;
	v->size = sizeof(v->b.info);
	return 0;
}

static uint64_t region_size(uint32_t index)
{
	return index == VFIO_PCI_BAR0_REGION_INDEX     ? PCI_BAR_SIZE
	       : index == VFIO_PCI_CONFIG_REGION_INDEX ? CONFIG_SIZE
						       : 0;
}

static int region_info(struct vfio *v)
{
	if (v->b.region.index >= VFIO_PCI_NUM_REGIONS)
		return EINVAL;
	v->b.region.argsz = v->size = sizeof(v->b.region);
	v->b.region.size = region_size(v->b.region.index);
	v->b.region.flags =
		v->b.region.size ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0;
	v->b.region.cap = 0;
	v->b.region.offset = 0;
	return 0;
}

static int irq_info(struct vfio *v)
{
	if (v->b.irq.index >= VFIO_PCI_NUM_IRQS)
		return EINVAL;
	v->b.irq.argsz = v->size = sizeof(v->b.irq);
	v->b.irq.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	v->b.irq.count = v->b.irq.index == VFIO_PCI_MSI_IRQ_INDEX;
	return 0;
}

/* One eventfd sets the MSI up; none, or no interrupts, takes it down. */
static int set_irqs(struct vfio *v)
{
	if (v->b.set.index != VFIO_PCI_MSI_IRQ_INDEX)
		return v->b.set.count ? EINVAL : 0;
	if (!(v->b.set.flags & VFIO_IRQ_SET_ACTION_TRIGGER) || v->b.set.start ||
	    v->b.set.count > 1 || v->n_fds > 1)
		return EINVAL;
	if (v->msi >= 0)
		close(v->msi);
	v->msi = v->n_fds ? v->fds[0] : -1;
	v->n_fds = 0; /* taken */
	v->size = 0;
	return 0;
}

/* An access as the bus would make it: of 4 bytes where it can. */
static void config_access(struct pci *p, uint64_t addr, uint8_t *data, uint32_t count, bool write)
{
	for (uint32_t n; count; count -= n, addr += n, data += n) {
		uint32_t value = 0;

		n = count >= 4 && addr % 4 == 0 ? 4 : count >= 2 && addr % 2 == 0 ? 2 : 1;
		if (write) {
			memcpy(&value, data, n);
			pci_config_write(p, addr, n, value);
		} else {
			value = pci_config_read(p, addr, n);
			memcpy(data, &value, n);
		}
	}
}

static int region_access(struct vfio *v, bool write)
{
	uint32_t region = v->b.access.region, count = v->b.access.count;
	uint64_t at = v->b.access.offset, size = region_size(region);

	if (count > DATA_MAX || at > size || count > size - at ||
	    (write && v->size - 16 != count)) {
		cosim_note("vfio-user: %s of %u bytes at 0x%llx of region %u: not there",
			   write ? "write" : "read", count, (unsigned long long)at, region);
		return EINVAL;
	}
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		config_access(v->pci, at, v->b.access.data, count, write);
	else if (write)
		pci_bar_write(v->pci, region, at, v->b.access.data, count);
	else
		pci_bar_read(v->pci, region, at, v->b.access.data, count);
	v->size = write ? 16 : 16 + count;
	return 0;
}

static int reset(struct vfio *v)
{
	pci_reset(v->pci);
	v->size = 0;
	return 0;
}

static int handle(struct vfio *v)
{
	static const struct {
		size_t least; /* bytes of the body */
		int (*run)(struct vfio *v);
	} commands[] = {
		[VERSION] = {4, version},
		[DMA_MAP] = {sizeof(v->b.map), dma_map},
		[DMA_UNMAP] = {sizeof(v->b.unmap), dma_unmap},
		[DEVICE_GET_INFO] = {sizeof(v->b.info), device_info},
		[DEVICE_GET_REGION_INFO] = {sizeof(v->b.region), region_info},
		[DEVICE_GET_IRQ_INFO] = {sizeof(v->b.irq), irq_info},
		[DEVICE_SET_IRQS] = {sizeof(v->b.set), set_irqs},
		[DEVICE_RESET] = {0, reset},
	};
	bool access = v->h.command == REGION_READ || v->h.command == REGION_WRITE;

	if (access && v->size >= 16)
		return region_access(v, v->h.command == REGION_WRITE);
	if (v->h.command < sizeof(commands) / sizeof(commands[0]) && commands[v->h.command].run &&
	    v->size >= commands[v->h.command].least)
		return commands[v->h.command].run(v);
	cosim_note("vfio-user: message %u of %zu bytes refused", v->h.command, v->size);
	return access ? EINVAL : ENOTSUP;
}

/* --- link ----------------------------------------------------------------------------------- */

static void message(void *link)
{
	const struct vfio *v = link;
	const uint64_t one = 1;

	if (v->msi >= 0 && write(v->msi, &one, sizeof(one)) < 0)
		cosim_note("vfio-user: interrupt: %s", strerror(errno));
}

static void *vfio_open(int socket, struct pci *p)
{
	struct vfio *v = calloc(1, sizeof(*v));

	if (!v)
		cosim_die("out of memory");
	v->socket = socket;
	v->msi = -1;
	v->pci = p;
	p->message = message;
	p->link = v;
	vfio_socket_init(v);
	return v;
}

static void vfio_close(void *link)
{
	struct vfio *v = link;

	vfio_dma_free(&v->dma, v->pci->dev);
	if (v->msi >= 0)
		close(v->msi);
	close(v->socket);
	free(v);
}

static int vfio_fds(const void *link, int *fds)
{
	fds[0] = ((const struct vfio *)link)->socket;
	return 1;
}

static int vfio_serve(void *link)
{
	struct vfio *v = link;
	struct pollfd p = {.fd = v->socket, .events = POLLIN};
	int n = 0;

	for (; !v->gone && poll(&p, 1, 0) > 0; n++) {
		v->gone = !vfio_receive(v);
		if (v->gone)
			break;
		vfio_reply(v, handle(v));
		for (int i = 0; i < v->n_fds; i++)
			close(v->fds[i]);
	}
	return n;
}

static void vfio_want_wake(void *link, bool want)
{
	/* A message always shows. */
	(void)link, (void)want;
}

static bool vfio_woken(void *link, bool ready)
{
	if (ready)
		vfio_serve(link);
	return !((struct vfio *)link)->gone;
}

const struct link vfio_link = {vfio_open,  vfio_close,	   vfio_fds,
			       vfio_serve, vfio_want_wake, vfio_woken};

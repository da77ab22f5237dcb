// SPDX-License-Identifier: Apache-2.0
/* Fences, the side channel, and files of the machine. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#include "cosim/ctl.h"

#define PLATFORM_DEVICE "mea"

uint32_t sync_new(int fd)
{
	uint32_t syncobj = 0;

	drmSyncobjCreate(fd, 0, &syncobj);
	return syncobj;
}

void sync_drop(int fd, uint32_t syncobj)
{
	drmSyncobjDestroy(fd, syncobj);
}

int sync_wait(int fd, uint32_t syncobj, int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return drmSyncobjWait(fd, &syncobj, 1, t.tv_sec * 1000000000ll + t.tv_nsec + ms * 1000000ll,
			      0, NULL);
}

int sync_to_file(int fd, uint32_t syncobj)
{
	int file = -1;

	return drmSyncobjExportSyncFile(fd, syncobj, &file) ? -errno : file;
}

int sync_from_file(int fd, uint32_t syncobj, int sync_file)
{
	return drmSyncobjImportSyncFile(fd, syncobj, sync_file) ? -errno : 0;
}

int file_status(int sync_file)
{
	struct sync_file_info info = {0};

	return ioctl(sync_file, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
}

int sync_status(int fd, uint32_t syncobj)
{
	int file = sync_to_file(fd, syncobj), status;

	if (file < 0)
		return file;
	status = file_status(file);
	close(file);
	return status;
}

int sync_result(int fd, uint32_t syncobj, int ms)
{
	int rc = sync_wait(fd, syncobj, ms);

	if (!rc)
		rc = sync_status(fd, syncobj);
	return rc > 0 ? 0 : rc;
}

/* --- gates: fences of sw_sync or, where a kernel comes without it, of vgem ----------------- */

#define SW_SYNC "/sys/kernel/debug/sync/sw_sync"

struct sw_sync_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};

/* vgem's interface, whose header no package has. */
struct vgem_fence_attach {
	uint32_t handle, flags, out_fence, padding;
};

struct vgem_fence_signal {
	uint32_t fence, flags;
};

#define VGEM_FENCE_WRITE  1
#define VGEM_FENCE_ATTACH DRM_IOWR(DRM_COMMAND_BASE + 1, struct vgem_fence_attach)
#define VGEM_FENCE_SIGNAL DRM_IOW(DRM_COMMAND_BASE + 2, struct vgem_fence_signal)

static bool has_sw_sync(void)
{
	return access(SW_SYNC, F_OK) == 0;
}

/* A buffer, the first one of the file, and on it a fence, which is the first too. */
static int vgem_gate(void)
{
	static const unsigned order[] = {0};
	struct vgem_fence_attach attach = {.flags = VGEM_FENCE_WRITE};
	int vgem = foreign_open(), dmabuf = foreign_dmabuf(order, 1);
	bool good = !drmPrimeFDToHandle(vgem, dmabuf, &attach.handle) &&
		    !drmIoctl(vgem, VGEM_FENCE_ATTACH, &attach) && attach.handle == 1 &&
		    attach.out_fence == 1;

	close(dmabuf);
	if (good)
		return vgem;
	close(vgem);
	return -1;
}

int gate_open(void)
{
	return has_sw_sync() ? open(SW_SYNC, O_RDWR | O_CLOEXEC) : vgem_gate();
}

static int vgem_fence(int vgem)
{
	struct dma_buf_export_sync_file e = {.flags = DMA_BUF_SYNC_RW, .fd = -1};
	int dmabuf, rc;

	if (drmPrimeHandleToFD(vgem, 1, DRM_CLOEXEC, &dmabuf))
		return -errno;
	rc = ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &e) ? -errno : e.fd;
	close(dmabuf);
	return rc;
}

int gate_fence(int timeline)
{
	struct sw_sync_fence f = {.value = 1, .name = "gate", .fence = -1};

	if (!has_sw_sync())
		return vgem_fence(timeline);
	return ioctl(timeline, _IOWR('W', 0, struct sw_sync_fence), &f) ? -errno : f.fence;
}

void gate_signal(int timeline)
{
	struct vgem_fence_signal signal = {.fence = 1};
	uint32_t one = 1;

	if (has_sw_sync() ? ioctl(timeline, _IOW('W', 1, uint32_t), &one)
			  : drmIoctl(timeline, VGEM_FENCE_SIGNAL, &signal))
		perror("gate");
}

/* --- dma-buf --------------------------------------------------------------------------- */

static bool ready(int dmabuf, short event)
{
	struct pollfd p = {.fd = dmabuf, .events = event};

	return poll(&p, 1, 0) == 1 && p.revents & event;
}

bool ready_to_read(int dmabuf)
{
	return ready(dmabuf, POLLIN);
}

bool ready_to_write(int dmabuf)
{
	return ready(dmabuf, POLLOUT);
}

int foreign_dmabuf(const unsigned *order, unsigned n)
{
	struct udmabuf_create_list *list = calloc(1, sizeof(*list) + n * sizeof(list->list[0]));
	int memfd = memfd_create("pages", MFD_ALLOW_SEALING), dev, dmabuf;

	if (ftruncate(memfd, n * PAGE) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		perror("memfd");
	list->count = n;
	for (unsigned i = 0; i < n; i++) {
		list->list[i].memfd = (uint32_t)memfd;
		list->list[i].offset = order[i] * PAGE;
		list->list[i].size = PAGE;
	}
	dev = open("/dev/udmabuf", O_RDWR);
	dmabuf = ioctl(dev, UDMABUF_CREATE_LIST, list);
	close(dev);
	close(memfd);
	free(list);
	return dmabuf;
}

int foreign_open(void)
{
	return open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
}

/* --- the machine ------------------------------------------------------------------------- */

int side(const char *command)
{
	char reply[512];
	int rc = ctl_command(NULL, command, reply, sizeof(reply));

	if (rc)
		fprintf(stderr, "side channel: %s: %s\n", command, reply);
	return rc;
}

long long side_counter(const char *name)
{
	char reply[512], want[32];
	const char *at;

	snprintf(want, sizeof(want), " %s=", name);
	if (ctl_command(NULL, "counters", reply, sizeof(reply)))
		return -1;
	at = strstr(reply, want);
	return at ? atoll(at + strlen(want)) : -1;
}

bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (!good)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

bool read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return n > 0;
}

int dma_errors(void)
{
	char text[16];

	return read_file("/sys/kernel/debug/dma-api/error_count", text, sizeof(text)) ? atoi(text)
										      : 0;
}

const char *pci_name(void)
{
	static char name[16];
	char text[16];
	glob_t g = {0};

	glob("/sys/bus/pci/devices/*/device", 0, NULL, &g);
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (read_file(g.gl_pathv[i], text, sizeof(text)) &&
		    strtoul(text, NULL, 16) == MEA_PCI_DEVICE)
			sscanf(g.gl_pathv[i], "/sys/bus/pci/devices/%15[^/]", name);
	globfree(&g);
	return name;
}

bool pci_write(const char *file, const char *text)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", pci_name(), file);
	return write_file(path, text);
}

bool behind_iommu(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", pci_name());
	return access(path, F_OK) == 0;
}

bool in_qemu(void)
{
	char vendor[8];

	return read_file("/sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor)) &&
	       !strncmp(vendor, "QEMU", 4);
}

bool on_platform(void)
{
	return access("/sys/bus/platform/devices/" PLATFORM_DEVICE, F_OK) == 0;
}

static bool tell_driver(const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/%s/drivers/mea/%s",
		 on_platform() ? "platform" : "pci", file);
	return write_file(path, on_platform() ? PLATFORM_DEVICE : pci_name());
}

bool driver_unbind(void)
{
	return tell_driver("unbind");
}

bool driver_bind(void)
{
	return tell_driver("bind");
}

bool driver_rebind(unsigned timeout_ms)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", timeout_ms);
	return driver_unbind() && write_file("/sys/module/mea/parameters/timeout_ms", text) &&
	       driver_bind();
}

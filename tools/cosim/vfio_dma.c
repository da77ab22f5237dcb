// SPDX-License-Identifier: Apache-2.0
#include "vfio_dma.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cosim.h"

static int refuse(uint64_t addr, uint64_t size, int error, const char *why)
{
	cosim_note("vfio-user: map of 0x%llx bytes at 0x%llx: %s", (unsigned long long)size,
		   (unsigned long long)addr, why);
	return error;
}

/* NULL: too many, or errno says why it cannot be mapped. */
static struct vfio_file *file_of(struct vfio_dma *v, int fd)
{
	struct vfio_file *f;
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	for (f = v->file; f < v->file + v->n; f++)
		if (f->dev == st.st_dev && f->ino == st.st_ino)
			return f;
	errno = ENOSPC;
	if (v->n == VFIO_FILES)
		return NULL;
	*f = (struct vfio_file){.dev = st.st_dev, .ino = st.st_ino, .size = (uint64_t)st.st_size};
	f->host = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (f->host == MAP_FAILED)
		return NULL;
	v->n++;
	return f;
}

int vfio_dma_map(struct vfio_dma *v, struct device *d, int fd, uint64_t offset, uint64_t addr,
		 uint64_t size, bool writable)
{
	const struct vfio_file *f;

	if (fd < 0)
		return 0;
	f = file_of(v, fd);
	if (!f)
		return refuse(addr, size, errno, strerror(errno));
	if (offset > f->size || size > f->size - offset)
		return refuse(addr, size, EINVAL, "beyond the end of the file");
	if (!device_map(d, addr, f->host + offset, size, writable))
		return refuse(addr, size, EEXIST, "empty, or there is memory already");
	return 0;
}

void vfio_dma_free(struct vfio_dma *v, struct device *d)
{
	device_unmap(d, 0, UINT64_MAX);
	while (v->n--)
		munmap(v->file[v->n].host, v->file[v->n].size);
	v->n = 0;
}

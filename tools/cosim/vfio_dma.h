/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's memory as a vfio-user client maps it: parts of a few files. */
#ifndef MEA_COSIM_VFIO_DMA_H
#define MEA_COSIM_VFIO_DMA_H

#include <sys/types.h>

#include "device.h"

#define VFIO_FILES 16

/* All zero: none. */
struct vfio_dma {
	/* Each file is mapped once, however many parts the guest maps: an IOMMU maps pages. */
	struct vfio_file {
		dev_t dev;
		ino_t ino;
		uint8_t *host;
		uint64_t size;
	} file[VFIO_FILES];
	unsigned n;
};

/*
 * Maps size bytes from offset of the file fd to addr for the device; without a file, -1,
 * there is no memory to reach, and nothing is mapped. The caller keeps fd. Returns 0 or an
 * error number, and says what is wrong.
 */
int vfio_dma_map(struct vfio_dma *v, struct device *d, int fd, uint64_t offset, uint64_t addr,
		 uint64_t size, bool writable);

/* Unmaps the files; the device reaches none of them any more. */
void vfio_dma_free(struct vfio_dma *v, struct device *d);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffer objects: contiguous, because the device has no MMU. The GEM DMA helper
 * would do the same, but stock Debian kernels do not build it.
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <drm/drm_prime.h>

#include "mea.h"

static void mea_gem_free(struct drm_gem_object *obj)
{
	struct mea_bo *bo = to_mea_bo(obj);

	if (obj->import_attach)
		drm_prime_gem_destroy(obj, bo->sgt);
	else if (bo->vaddr)
		dma_free_wc(obj->dev->dev, obj->size, bo->vaddr, bo->dma);
	drm_gem_object_release(obj);
	kfree(bo);
}

static struct sg_table *mea_gem_get_sg_table(struct drm_gem_object *obj)
{
	struct mea_bo *bo = to_mea_bo(obj);
	struct sg_table *sgt;
	int ret;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = dma_get_sgtable(obj->dev->dev, sgt, bo->vaddr, bo->dma, obj->size);
	if (ret) {
		kfree(sgt);
		return ERR_PTR(ret);
	}
	return sgt;
}

static int mea_gem_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct mea_bo *bo = to_mea_bo(obj);

	/* The exporter's to map: its dma-buf can be. */
	if (obj->import_attach)
		return -EINVAL;
	/* The fake offset chose the object; inside it the mapping starts at 0. */
	vma->vm_pgoff -= drm_vma_node_start(&obj->vma_node);
	vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, VM_PFNMAP);
	return dma_mmap_wc(obj->dev->dev, vma, bo->vaddr, bo->dma, obj->size);
}

/*
 * A mapping through the dma-buf lives as long as the memory: it is not torn down with
 * those of the device file, so that a client whose device went away has its data.
 */
static struct dma_buf *mea_gem_export(struct drm_gem_object *obj, int flags)
{
	struct dma_buf *buf = drm_gem_prime_export(obj, flags);

	if (!IS_ERR(buf))
		buf->file->f_mapping = file_inode(buf->file)->i_mapping;
	return buf;
}

static const struct vm_operations_struct mea_gem_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static const struct drm_gem_object_funcs mea_gem_funcs = {
	.free = mea_gem_free,
	.get_sg_table = mea_gem_get_sg_table,
	.mmap = mea_gem_mmap,
	.export = mea_gem_export,
	.vm_ops = &mea_gem_vm_ops,
};

static struct mea_bo *mea_bo_alloc(struct drm_device *drm, size_t size)
{
	struct mea_bo *bo = kzalloc(sizeof(*bo), GFP_KERNEL);

	if (!bo)
		return ERR_PTR(-ENOMEM);
	bo->base.funcs = &mea_gem_funcs;
	drm_gem_private_object_init(drm, &bo->base, size);
	return bo;
}

int mea_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_mea_bo_create *args = data;
	struct mea_bo *bo;
	u64 size;
	int ret, idx;

	if (args->flags || !args->size || args->handle || args->mmap_offset ||
	    args->size > (u64)MEA_SLOT_MAX_UNITS * 64)
		return -EINVAL;
	size = round_up(args->size, PAGE_SIZE);
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;

	bo = mea_bo_alloc(drm, size);
	if (IS_ERR(bo)) {
		ret = PTR_ERR(bo);
		goto out_exit;
	}
	/*
	 * Zeroed by the DMA API, so no other client's data show through. What there is not
	 * is an error, and nobody is killed for it.
	 */
	bo->vaddr = dma_alloc_wc(drm->dev, size, &bo->dma,
				 GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL);
	ret = bo->vaddr ? 0 : -ENOMEM;
	if (!ret)
		ret = drm_gem_create_mmap_offset(&bo->base);
	/* Last: from here on other threads of the client can find it. */
	if (!ret)
		ret = drm_gem_handle_create(file, &bo->base, &args->handle);
	if (!ret) {
		args->size = size;
		args->mmap_offset = drm_vma_node_offset_addr(&bo->base.vma_node);
	}
	drm_gem_object_put(&bo->base);
out_exit:
	drm_dev_exit(idx);
	return ret;
}

struct drm_gem_object *mea_gem_import_sg_table(struct drm_device *drm,
					       struct dma_buf_attachment *attach,
					       struct sg_table *sgt)
{
	size_t size = PAGE_ALIGN(attach->dmabuf->size);
	struct mea_bo *bo;

	/* A slot is one range of bus addresses, and the hardware cuts its base. */
	if (drm_prime_get_contiguous_size(sgt) < size || sg_dma_address(sgt->sgl) % 4096)
		return ERR_PTR(-EINVAL);
	bo = mea_bo_alloc(drm, size);
	if (IS_ERR(bo))
		return ERR_CAST(bo);
	bo->dma = sg_dma_address(sgt->sgl);
	bo->sgt = sgt;
	return &bo->base;
}

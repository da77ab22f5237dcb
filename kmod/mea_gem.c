// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffer objects: contiguous, because the device has no MMU. The GEM DMA helper
 * would do the same, but stock Debian kernels do not build it.
 *
 * An object may outlive its device, its memory may not: the DMA API takes it back by
 * what it knows of a device that is bound. See mea_gem_retire().
 */

#include <linux/cc_platform.h>
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>

#include "mea.h"

/* --- memory ------------------------------------------------------------ */

static void mea_bo_hold(struct mea_bo *bo)
{
	struct mea_device *mdev = to_mea(bo->base.dev);

	mutex_lock(&mdev->bo_lock);
	list_add_tail(&bo->node, &mdev->bos);
	mutex_unlock(&mdev->bo_lock);
}

/* Gives the memory back, or the mapping of another exporter's. */
static void mea_bo_release(struct mea_bo *bo)
{
	struct drm_gem_object *obj = &bo->base;

	lockdep_assert_held(&to_mea(obj->dev)->bo_lock);
	list_del_init(&bo->node);
	if (obj->import_attach) {
		drm_prime_gem_destroy(obj, bo->sgt);
		obj->import_attach = NULL;
	} else {
		dma_free_wc(obj->dev->dev, obj->size, bo->vaddr, bo->dma);
		bo->vaddr = NULL;
	}
}

static void *mea_bo_copy(const struct mea_bo *bo)
{
	void *copy = __vmalloc(bo->base.size, GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL);

	if (copy)
		memcpy(copy, bo->vaddr, bo->base.size);
	return copy;
}

/*
 * The device is unplugged and at rest, but still bound: the last time that its memory
 * can go back to the DMA API. Mappings are torn down already. Who looks through a
 * dma-buf finds a copy from now on, so that results of finished jobs are not lost.
 *
 * What another device has mapped can be taken from nobody, and neither can what a
 * device writes to that ignores its reset: such memory is kept for good.
 */
void mea_gem_retire(struct mea_device *mdev)
{
	struct mea_bo *bo, *next;
	unsigned int kept = 0;

	/* PRIME looks at import_attach under this one. */
	mutex_lock(&mdev->drm.object_name_lock);
	mutex_lock(&mdev->bo_lock);
	list_for_each_entry_safe(bo, next, &mdev->bos, node) {
		if (mdev->loose || atomic_read(&bo->pins)) {
			list_del_init(&bo->node);
			bo->relic = bo->vaddr;
			kept++;
			continue;
		}
		if (bo->shared)
			bo->relic = mea_bo_copy(bo);
		mea_bo_release(bo);
	}
	mutex_unlock(&mdev->bo_lock);
	mutex_unlock(&mdev->drm.object_name_lock);
	if (kept)
		drm_warn(&mdev->drm, "memory of %u buffers in use by devices is kept for good\n",
			 kept);
	complete_all(&mdev->retired);
}

static void mea_gem_free(struct drm_gem_object *obj)
{
	struct mea_device *mdev = to_mea(obj->dev);
	struct mea_bo *bo = to_mea_bo(obj);

	mutex_lock(&mdev->bo_lock);
	if (!list_empty(&bo->node))
		mea_bo_release(bo);
	mutex_unlock(&mdev->bo_lock);
	if (bo->relic != bo->vaddr)
		vfree(bo->relic);
	drm_gem_object_release(obj);
	kfree(bo);
}

/* --- other devices ------------------------------------------------------- */

static int mea_gem_pin(struct drm_gem_object *obj)
{
	int idx;

	if (!drm_dev_enter(obj->dev, &idx))
		return -ENODEV;
	atomic_inc(&to_mea_bo(obj)->pins);
	drm_dev_exit(idx);
	return 0;
}

static void mea_gem_unpin(struct drm_gem_object *obj)
{
	atomic_dec(&to_mea_bo(obj)->pins);
}

static struct sg_table *mea_gem_get_sg_table(struct drm_gem_object *obj)
{
	struct mea_bo *bo = to_mea_bo(obj);
	struct sg_table *sgt;
	int ret = -ENODEV;
	int idx;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	if (drm_dev_enter(obj->dev, &idx)) {
		ret = dma_get_sgtable(obj->dev->dev, sgt, bo->vaddr, bo->dma, obj->size);
		drm_dev_exit(idx);
	}
	if (ret) {
		kfree(sgt);
		return ERR_PTR(ret);
	}
	return sgt;
}

/* --- mappings ------------------------------------------------------------ */

/*
 * Pages are entered when they are touched, not here: drm_dev_unplug() does not find a
 * mapping before mmap() is through with it, and would leave its pages there.
 */
static int mea_gem_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct mea_bo *bo = to_mea_bo(obj);
	int idx;

	/* Copies of pages would not be torn down. */
	if (is_cow_mapping(vma->vm_flags))
		return -EINVAL;
	if (!drm_dev_enter(obj->dev, &idx))
		return -ENODEV;
	/* The exporter's to map: its dma-buf can be. */
	if (!bo->vaddr) {
		drm_dev_exit(idx);
		return -EINVAL;
	}
	/* The fake offset chose the object; inside it the mapping starts at 0. */
	vma->vm_pgoff -= drm_vma_node_start(&obj->vma_node);
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	/* As the DMA API has mapped it for the kernel; dma_mmap_wc() would enter all pages. */
	if (!dev_is_dma_coherent(obj->dev->dev))
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		vma->vm_page_prot = pgprot_decrypted(vma->vm_page_prot);
	if (vma->vm_file->f_op != obj->dev->driver->fops)
		bo->shared = true;
	drm_dev_exit(idx);
	return 0;
}

static vm_fault_t mea_gem_show(struct vm_fault *vmf, void *memory, pgprot_t prot)
{
	void *at = memory + (vmf->pgoff << PAGE_SHIFT);
	struct page *page = is_vmalloc_addr(at) ? vmalloc_to_page(at) : virt_to_page(at);

	return vmf_insert_pfn_prot(vmf->vma, vmf->address, page_to_pfn(page), prot);
}

static vm_fault_t mea_gem_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct mea_bo *bo = to_mea_bo(vma->vm_private_data);
	struct drm_device *drm = bo->base.dev;
	vm_fault_t ret;
	int idx;

	if (drm_dev_enter(drm, &idx)) {
		ret = mea_gem_show(vmf, bo->vaddr, vma->vm_page_prot);
		drm_dev_exit(idx);
		return ret;
	}
	/* A mapping of the device file ends with the device. */
	if (vma->vm_file->f_op == drm->driver->fops ||
	    wait_for_completion_killable(&to_mea(drm)->retired) || !bo->relic)
		return VM_FAULT_SIGBUS;
	if (bo->relic == bo->vaddr)
		return mea_gem_show(vmf, bo->relic, vma->vm_page_prot);
	/* The copy is memory like any other. */
	return mea_gem_show(vmf, bo->relic, vm_get_page_prot(vma->vm_flags));
}

static const struct vm_operations_struct mea_gem_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = mea_gem_fault,
};

/* --- objects --------------------------------------------------------------- */

static const struct drm_gem_object_funcs mea_gem_funcs = {
	.free = mea_gem_free,
	.pin = mea_gem_pin,
	.unpin = mea_gem_unpin,
	.get_sg_table = mea_gem_get_sg_table,
	.mmap = mea_gem_mmap,
	.vm_ops = &mea_gem_vm_ops,
};

static struct mea_bo *mea_bo_alloc(struct drm_device *drm, size_t size)
{
	struct mea_bo *bo = kzalloc(sizeof(*bo), GFP_KERNEL);

	if (!bo)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&bo->node);
	bo->base.funcs = &mea_gem_funcs;
	drm_gem_private_object_init(drm, &bo->base, size);
	return bo;
}

/*
 * Behind an IOMMU a buffer is of single pages, and the allocator would give all that there
 * are before it refuses: whoever touches memory meanwhile would be killed for want of it. So
 * a share stays out of reach. Two callers at once may take some of it.
 */
static bool mea_bo_fits(u64 size)
{
	return size / PAGE_SIZE + totalram_pages() / 8 <= si_mem_available();
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
	if (!mea_bo_fits(size))
		return -ENOMEM;
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
	if (!ret) {
		mea_bo_hold(bo);
		ret = drm_gem_create_mmap_offset(&bo->base);
	}
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

/* Maps the memory of another exporter for a device that is there, and stays meanwhile. */
struct drm_gem_object *mea_gem_import(struct drm_device *drm, struct dma_buf *buf)
{
	struct drm_gem_object *obj;
	int idx;

	if (!drm_dev_enter(drm, &idx))
		return ERR_PTR(-ENODEV);
	obj = drm_gem_prime_import(drm, buf);
	drm_dev_exit(idx);
	return obj;
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
	mea_bo_hold(bo);
	return &bo->base;
}

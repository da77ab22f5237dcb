// SPDX-License-Identifier: GPL-2.0-only
/* The device, its file operations, power, and the module. */

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <drm/drm_accel.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include "mea.h"

#define MEA_AUTOSUSPEND_MS	50

static atomic64_t mea_clients = ATOMIC64_INIT(0);

static void mea_usage_free(struct kref *ref)
{
	kfree(container_of(ref, struct mea_usage, ref));
}

void mea_usage_put(struct mea_usage *usage)
{
	kref_put(&usage->ref, mea_usage_free);
}

static int mea_open(struct drm_device *drm, struct drm_file *file)
{
	struct mea_device *mdev = to_mea(drm);
	struct drm_gpu_scheduler *sched = &mdev->sched;
	struct mea_file *mfile;
	int ret = -ENOMEM;

	mfile = kzalloc(sizeof(*mfile), GFP_KERNEL);
	if (!mfile)
		return -ENOMEM;
	mfile->usage = kzalloc(sizeof(*mfile->usage), GFP_KERNEL);
	if (!mfile->usage)
		goto err_file;
	kref_init(&mfile->usage->ref);
	mutex_init(&mfile->push_lock);
	mfile->client = atomic64_inc_return(&mea_clients);
	ret = drm_sched_entity_init(&mfile->entity, DRM_SCHED_PRIORITY_NORMAL, &sched, 1, NULL);
	if (ret)
		goto err_usage;
	file->driver_priv = mfile;
	return 0;

err_usage:
	mea_usage_put(mfile->usage);
err_file:
	kfree(mfile);
	return ret;
}

static void mea_postclose(struct drm_device *drm, struct drm_file *file)
{
	struct mea_file *mfile = file->driver_priv;

	drm_sched_entity_destroy(&mfile->entity);
	mea_usage_put(mfile->usage);
	kfree(mfile);
}

static int mea_ioctl_info(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct mea_device *mdev = to_mea(drm);
	struct drm_mea_info *info = data;

	/* Read at probe: the device may sleep now. */
	memset(info, 0, sizeof(*info));
	info->version = mdev->version;
	memcpy(info->config, mdev->config, sizeof(info->config));
	info->clock_khz = mdev->clock_khz;
	info->timeout_ms = mdev->timeout_ms;
	info->max_slot_size = (u64)MEA_SLOT_MAX_UNITS * 64;
	info->config5 = mdev->config5;
	return 0;
}

static void mea_show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct mea_file *mfile = file->driver_priv;
	struct mea_device *mdev = to_mea(file->minor->dev);

	drm_printf(p, "drm-engine-array:\t%lld ns\n", atomic64_read(&mfile->usage->busy_ns));
	drm_printf(p, "drm-cycles-array:\t%lld\n", atomic64_read(&mfile->usage->cycles));
	if (mdev->clock_khz)
		drm_printf(p, "drm-maxfreq-array:\t%llu Hz\n", mdev->clock_khz * 1000ull);
	drm_printf(p, "mea-jobs:\t%lld\n", atomic64_read(&mfile->usage->jobs));
	drm_show_memory_stats(p, file);
}

static const struct drm_ioctl_desc mea_ioctls[] = {
	DRM_IOCTL_DEF_DRV(MEA_INFO, mea_ioctl_info, 0),
	DRM_IOCTL_DEF_DRV(MEA_BO_CREATE, mea_ioctl_bo_create, 0),
	DRM_IOCTL_DEF_DRV(MEA_SUBMIT, mea_ioctl_submit, 0),
};

static const struct file_operations mea_fops = {
	.owner = THIS_MODULE,
	DRM_ACCEL_FOPS,
	.show_fdinfo = drm_show_fdinfo,
};

static const struct drm_driver mea_driver = {
	.driver_features = DRIVER_COMPUTE_ACCEL | DRIVER_GEM | DRIVER_SYNCOBJ,
	.open = mea_open,
	.postclose = mea_postclose,
	.gem_prime_import = mea_gem_import,
	.gem_prime_import_sg_table = mea_gem_import_sg_table,
	.show_fdinfo = mea_show_fdinfo,
	.ioctls = mea_ioctls,
	.num_ioctls = ARRAY_SIZE(mea_ioctls),
	.fops = &mea_fops,
	.name = "mea",
	.desc = "MEANet accelerator",
#ifdef MEA_DRIVER_DATE
	.date = "20261120",
#endif
	.major = 1,
	.minor = 0,
};

/* --- probe and remove, the same on every bus --- */

static int mea_identify(struct mea_device *mdev)
{
	u32 id = readl(mdev->regs + MEA_REG_ID);
	unsigned int i;

	mdev->version = readl(mdev->regs + MEA_REG_VERSION);
	if (id != MEA_ID_VALUE || mdev->version >> 16 != MEA_VERSION_VALUE >> 16)
		return dev_err_probe(mdev->drm.dev, -ENODEV,
				     "not a mea device of this version: id 0x%08x, version 0x%08x\n",
				     id, mdev->version);
	for (i = 0; i < ARRAY_SIZE(mdev->config); i++)
		mdev->config[i] = readl(mdev->regs + MEA_REG_CONFIG0 + 4 * i);
	mdev->config5 = readl(mdev->regs + MEA_REG_CONFIG5);
	mdev->clock_khz = readl(mdev->regs + MEA_REG_CLOCK_KHZ);
	return 0;
}

struct mea_device *mea_device_init(struct device *dev, void __iomem *regs, int irq)
{
	struct mea_device *mdev;
	int ret;

	mdev = devm_drm_dev_alloc(dev, &mea_driver, struct mea_device, drm);
	if (IS_ERR(mdev))
		return mdev;
	mdev->regs = regs;
	mdev->irq = irq;
	ret = drmm_mutex_init(&mdev->drm, &mdev->hw_lock);
	if (ret)
		return ERR_PTR(ret);
	ret = drmm_mutex_init(&mdev->drm, &mdev->bo_lock);
	if (ret)
		return ERR_PTR(ret);
	INIT_LIST_HEAD(&mdev->bos);
	init_completion(&mdev->retired);
	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(40));
	if (ret)
		return ERR_PTR(ret);
	dma_set_max_seg_size(dev, UINT_MAX);
	dev_set_drvdata(dev, mdev);
	return mdev;
}

int mea_device_register(struct mea_device *mdev)
{
	struct device *dev = mdev->drm.dev;
	int ret;

	ret = mea_identify(mdev);
	if (ret)
		return ret;
	mutex_lock(&mdev->hw_lock);
	ret = mea_hw_reset(mdev);
	mutex_unlock(&mdev->hw_lock);
	if (ret)
		return ret;
	ret = mea_sched_init(mdev);
	if (ret)
		return ret;
	/* After the last file is closed: its entity still uses the scheduler. */
	ret = drmm_add_action_or_reset(&mdev->drm, mea_sched_release, NULL);
	if (ret)
		return ret;
	ret = devm_request_threaded_irq(dev, mdev->irq, NULL, mea_irq_thread, IRQF_ONESHOT, "mea",
					mdev);
	if (ret)
		return ret;
	mea_hw_enable(mdev, true);

	pm_runtime_set_autosuspend_delay(dev, MEA_AUTOSUSPEND_MS);
	pm_runtime_use_autosuspend(dev);
	ret = drm_dev_register(&mdev->drm, 0);
	if (ret) {
		mea_hw_enable(mdev, false);
		pm_runtime_dont_use_autosuspend(dev);
		return ret;
	}
	return 0;
}

void mea_device_remove(struct mea_device *mdev)
{
	struct device *dev = mdev->drm.dev;

	pm_runtime_get_sync(dev);
	drm_dev_unplug(&mdev->drm);
	/* No ioctl, interrupt or scheduler callback touches the registers now. */
	mutex_lock(&mdev->hw_lock);
	mea_hw_enable(mdev, false);
	mea_hw_reset(mdev);
	mea_hw_fail_all(mdev, -ENODEV);
	if (mdev->loose)
		drm_dev_get(&mdev->drm);	/* for good, like its buffers */
	mutex_unlock(&mdev->hw_lock);
	/* Jobs that are still queued will not start. The device uses no buffer any more. */
	mea_gem_retire(mdev);
	pm_runtime_dont_use_autosuspend(dev);
	pm_runtime_put_noidle(dev);
}

/* --- power --- */

static int mea_runtime_suspend(struct device *dev)
{
	struct mea_device *mdev = dev_get_drvdata(dev);

	/* A job holds the device awake, so there is none. */
	mutex_lock(&mdev->hw_lock);
	mea_hw_enable(mdev, false);
	mutex_unlock(&mdev->hw_lock);
	return 0;
}

static int mea_runtime_resume(struct device *dev)
{
	struct mea_device *mdev = dev_get_drvdata(dev);
	int ret;

	/* Power may have been off: nothing in the device counts. */
	mutex_lock(&mdev->hw_lock);
	ret = mea_hw_reset(mdev);
	if (!ret)
		mea_hw_enable(mdev, true);
	mutex_unlock(&mdev->hw_lock);
	return ret;
}

/*
 * A job that is done but not freed, as the scheduler is stopped, can still time out, and
 * its handler starts the scheduler. No handler is left that could, when this returns 0.
 */
static int mea_suspend(struct device *dev)
{
	struct mea_device *mdev = dev_get_drvdata(dev);
	unsigned long end = jiffies + msecs_to_jiffies(mdev->timeout_ms);
	struct drm_gpu_scheduler *sched = &mdev->sched;

	do {
		drm_sched_wqueue_stop(sched);
		while (!mea_hw_idle(mdev)) {
			if (time_after(jiffies, end)) {
				drm_sched_wqueue_start(sched);
				return -EBUSY;
			}
			usleep_range(500, 1000);
		}
		cancel_delayed_work_sync(&sched->work_tdr);
	} while (!READ_ONCE(sched->pause_submit));
	return pm_runtime_force_suspend(dev);
}

static int mea_resume(struct device *dev)
{
	struct mea_device *mdev = dev_get_drvdata(dev);
	int ret = pm_runtime_force_resume(dev);

	drm_sched_wqueue_start(&mdev->sched);
	return ret;
}

const struct dev_pm_ops mea_pm_ops = {
	SYSTEM_SLEEP_PM_OPS(mea_suspend, mea_resume)
	RUNTIME_PM_OPS(mea_runtime_suspend, mea_runtime_resume, NULL)
};

/* --- module --- */

static int __init mea_init(void)
{
	int ret = 0;

	if (IS_ENABLED(CONFIG_PCI))
		ret = pci_register_driver(&mea_pci_driver);
	if (ret)
		return ret;
	ret = platform_driver_register(&mea_platform_driver);
	if (ret && IS_ENABLED(CONFIG_PCI))
		pci_unregister_driver(&mea_pci_driver);
	return ret;
}

static void __exit mea_exit(void)
{
	platform_driver_unregister(&mea_platform_driver);
	if (IS_ENABLED(CONFIG_PCI))
		pci_unregister_driver(&mea_pci_driver);
}

module_init(mea_init);
module_exit(mea_exit);

MODULE_DESCRIPTION("MEANet accelerator driver");
MODULE_AUTHOR("the mea developers");
MODULE_LICENSE("GPL");

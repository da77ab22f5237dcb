// SPDX-License-Identifier: GPL-2.0-only
/* Device tree and other platforms: registers, an interrupt, a clock, a reset line. */

#include <linux/clk.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/reset.h>

#include "mea.h"

static int mea_platform_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct reset_control *reset;
	struct mea_device *mdev;
	void __iomem *regs;
	struct clk *clk;
	int irq, ret;

	regs = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(regs))
		return PTR_ERR(regs);
	irq = platform_get_irq(pdev, 0);
	if (irq < 0)
		return irq;
	clk = devm_clk_get_optional_enabled(dev, NULL);
	if (IS_ERR(clk))
		return dev_err_probe(dev, PTR_ERR(clk), "clock\n");
	reset = devm_reset_control_get_optional_exclusive(dev, NULL);
	if (IS_ERR(reset))
		return dev_err_probe(dev, PTR_ERR(reset), "reset line\n");
	mdev = mea_device_init(dev, regs, irq);
	if (IS_ERR(mdev))
		return PTR_ERR(mdev);
	mdev->reset = reset;

	pm_runtime_set_active(dev);
	ret = devm_pm_runtime_enable(dev);
	if (ret)
		return ret;
	pm_runtime_get_noresume(dev);
	ret = mea_device_register(mdev);
	pm_runtime_put_autosuspend(dev);
	return ret;
}

static void mea_platform_remove(struct platform_device *pdev)
{
	mea_device_remove(platform_get_drvdata(pdev));
}

static const struct of_device_id mea_of_ids[] = {
	{ .compatible = "mea,accel-1.0" },
	{ }
};
MODULE_DEVICE_TABLE(of, mea_of_ids);

static const struct platform_device_id mea_platform_ids[] = {
	{ "mea" },
	{ }
};
MODULE_DEVICE_TABLE(platform, mea_platform_ids);

struct platform_driver mea_platform_driver = {
	.probe = mea_platform_probe,
	.remove = mea_platform_remove,
	.id_table = mea_platform_ids,
	.driver = {
		.name = "mea",
		.of_match_table = mea_of_ids,
		.pm = pm_ptr(&mea_pm_ops),
	},
};

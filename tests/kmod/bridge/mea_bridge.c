// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests: makes a platform device of the simulated PCI function, with its BAR as
 * memory and its MSI as interrupt, so that the driver's platform glue runs on it. Loaded
 * before mea.ko, it has the function first.
 */

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#include "isa/mea_isa.h"

static int bridge_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct platform_device_info info = {
		.parent = &pdev->dev,
		.name = "mea",
		.id = PLATFORM_DEVID_NONE,
		.num_res = 2,
		.dma_mask = DMA_BIT_MASK(40),
	};
	struct platform_device *child;
	struct resource res[2];
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	res[0] = DEFINE_RES_MEM(pci_resource_start(pdev, 0), pci_resource_len(pdev, 0));
	/* Without a parent the whole BAR would be put below it, and left there when it is freed. */
	res[0].parent = &pdev->resource[0];
	res[1] = DEFINE_RES_IRQ(pci_irq_vector(pdev, 0));
	info.res = res;
	child = platform_device_register_full(&info);
	if (IS_ERR(child))
		return PTR_ERR(child);
	pci_set_drvdata(pdev, child);
	return 0;
}

static void bridge_remove(struct pci_dev *pdev)
{
	platform_device_unregister(pci_get_drvdata(pdev));
}

static const struct pci_device_id bridge_ids[] = {
	{ PCI_DEVICE(MEA_PCI_VENDOR, MEA_PCI_DEVICE) },
	{ }
};

static struct pci_driver bridge_driver = {
	.name = "mea_bridge",
	.id_table = bridge_ids,
	.probe = bridge_probe,
	.remove = bridge_remove,
};
module_pci_driver(bridge_driver);

MODULE_DESCRIPTION("PCI to platform bridge for tests of mea");
MODULE_AUTHOR("the mea developers");
MODULE_LICENSE("GPL");

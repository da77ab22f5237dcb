// SPDX-License-Identifier: GPL-2.0-only
/* PCI: registers in BAR 0, one MSI. */

#include <linux/pci.h>
#include <linux/pm_runtime.h>

#include "mea.h"

static void mea_pci_isolate(struct device *dev)
{
	pci_clear_master(to_pci_dev(dev));
}

static int mea_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct mea_device *mdev;
	void __iomem *regs;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	regs = pcim_iomap_region(pdev, 0, "mea");
	if (IS_ERR(regs))
		return PTR_ERR(regs);
	/* A job that was left in the device must not go on once it has the bus. */
	writel(MEA_CONTROL_RESET_MASK, regs + MEA_REG_CONTROL);
	readl(regs + MEA_REG_STATUS);	/* the write is there */
	pci_set_master(pdev);
	/* Freed by the managed enable above. */
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_MSIX);
	if (ret < 0)
		return ret;
	mdev = mea_device_init(&pdev->dev, regs, pci_irq_vector(pdev, 0));
	if (IS_ERR(mdev))
		return PTR_ERR(mdev);
	mdev->isolate = mea_pci_isolate;
	ret = mea_device_register(mdev);
	if (ret)
		return ret;
	/* The PCI core probes with a reference of its own. */
	pm_runtime_put_autosuspend(&pdev->dev);
	return 0;
}

static void mea_pci_remove(struct pci_dev *pdev)
{
	mea_device_remove(pci_get_drvdata(pdev));
	pm_runtime_get_noresume(&pdev->dev);
	pci_clear_master(pdev);
}

static const struct pci_device_id mea_pci_ids[] = {
	{ PCI_DEVICE(MEA_PCI_VENDOR, MEA_PCI_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, mea_pci_ids);

struct pci_driver mea_pci_driver = {
	.name = "mea",
	.id_table = mea_pci_ids,
	.probe = mea_pci_probe,
	.remove = mea_pci_remove,
	.driver.pm = pm_ptr(&mea_pm_ops),
};

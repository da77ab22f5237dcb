# SPDX-License-Identifier: Apache-2.0
# mea.ko, through the kernel's own build and the top-level Kbuild:
#   make kmod [KDIR=kernel build folder] [ARCH=... CROSS_COMPILE=...]
# Built in a copy, so that no object lands in the tree.

KDIR ?= $(firstword $(wildcard /lib/modules/*6.12*amd64/build) /lib/modules/$(shell uname -r)/build)
KMOD_OUT ?= build/kmod
KMOD_SRCS := Kbuild $(wildcard kmod/*.[ch] kmod/uapi/*.h) hw/isa/mea_isa.h

.PHONY: kmod kmod-source kmod-objects
kmod: kmod-objects ## the kernel module
kmod-source: $(KMOD_SRCS)
	$(Q)for f in $(KMOD_SRCS); do install -D -m 644 -p $$f $(KMOD_OUT)/$$f; done
kmod-objects: kmod-source
	$(Q)$(MAKE) -C $(KDIR) M=$(abspath $(KMOD_OUT)) $(KMOD_FLAGS) W=1 modules

# The kernel's own checks: checkpatch --strict, sparse, W=1; and the length that the driver
# keeps to.
KMOD_LINES := 1700
.PHONY: lint-kmod
lint-kmod: cosim-kernel-fast ## checkpatch, sparse, W=1
	@for f in $(wildcard kmod/*.[ch] kmod/uapi/*.h); do \
		perl build/cosim/linux/scripts/checkpatch.pl --no-tree --strict --terse -f $$f || exit 1; \
	done
	$(Q)rm -rf build/kmod-lint
	$(Q)$(MAKE) -s kmod-objects KDIR=$(abspath build/cosim/fast) KMOD_OUT=build/kmod-lint \
		KMOD_FLAGS="ARCH=um C=2 CF=-Wsparse-error"
	@n=$$(cat kmod/*.[ch] | wc -l); echo "$$n lines of at most $(KMOD_LINES)"; test $$n -le $(KMOD_LINES)

# The device-tree binding, its example, the overlay.
.PHONY: dt-check
dt-check: cosim-source ## the device-tree binding
	@kmod/dt/check.sh build/dt build/cosim/linux

# For boards: the module against a 6.12 tree that is prepared for arm64 here. Symbols of
# the kernel are not known without building all of it, which modpost only warns of.
ARM64 := ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
.PHONY: kmod-arm64
kmod-arm64: cosim-source ## the module for arm64
	@mkdir -p build/kmod-arm64/linux
	$(Q)cp kmod/arm64.config build/kmod-arm64/fragment
	$(Q)$(MAKE) -s -C build/cosim/linux $(ARM64) O=$(abspath build/kmod-arm64/linux) \
		KCONFIG_ALLCONFIG=$(abspath build/kmod-arm64/fragment) allnoconfig
	$(Q)$(MAKE) -s -C build/cosim/linux $(ARM64) O=$(abspath build/kmod-arm64/linux) modules_prepare
	$(Q)$(MAKE) kmod-objects KDIR=$(abspath build/kmod-arm64/linux) KMOD_OUT=build/kmod-arm64/mea \
		KMOD_FLAGS="$(ARM64) KBUILD_MODPOST_WARN=1"

# Source for DKMS, the udev rule and its group; `dkms install mea/0.1.0` builds it.
KMOD_VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' kmod/dkms.conf)
KMOD_DEST = $(DESTDIR)/usr/src/mea-$(KMOD_VERSION)
.PHONY: install-kmod
install-kmod: $(KMOD_SRCS) ## the module by DKMS
	for f in $(KMOD_SRCS); do install -D -m 644 $$f $(KMOD_DEST)/$$f; done
	install -m 644 kmod/dkms.conf $(KMOD_DEST)/dkms.conf
	install -D -m 644 kmod/60-mea.rules $(DESTDIR)/usr/lib/udev/rules.d/60-mea.rules
	install -D -m 644 kmod/mea.sysusers $(DESTDIR)/usr/lib/sysusers.d/mea.conf

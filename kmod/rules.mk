# SPDX-License-Identifier: Apache-2.0
# mea.ko, through the kernel's own build and the top-level Kbuild:
#   make kmod [KDIR=kernel build folder] [ARCH=... CROSS_COMPILE=...]
# Built in a copy, so that no object lands in the tree.

KDIR ?= $(firstword $(wildcard /lib/modules/*6.12*amd64/build) /lib/modules/$(shell uname -r)/build)
KMOD_OUT ?= build/kmod
KMOD_SRCS := Kbuild $(wildcard kmod/*.[ch] kmod/uapi/*.h) hw/isa/mea_isa.h

.PHONY: kmod kmod-objects
kmod: kmod-objects
kmod-objects: $(KMOD_SRCS)
	$(Q)for f in $(KMOD_SRCS); do install -D -m 644 -p $$f $(KMOD_OUT)/$$f; done
	$(Q)$(MAKE) -C $(KDIR) M=$(abspath $(KMOD_OUT)) $(KMOD_FLAGS) W=1 modules

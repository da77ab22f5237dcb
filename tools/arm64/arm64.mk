# SPDX-License-Identifier: Apache-2.0
# The command, the library and a simulator for arm64 boards, built here; docs/board.md.

ARM64_B := build/arm64
ARM64_ROOT := $(abspath $(ARM64_B)/root)
ARM64_MAKE = $(MAKE) DEPS=0 B=$(ARM64_B) SIM_DIR=$(ARM64_B)/hw/sim SIM_OPT=-O3 AR=aarch64-linux-gnu-ar SYSROOT=$(ARM64_ROOT) \
	CC="aarch64-linux-gnu-gcc --sysroot=$(ARM64_ROOT)" CXX="aarch64-linux-gnu-g++ --sysroot=$(ARM64_ROOT)"

.PHONY: arm64 check-arm64
arm64: ## command, library and the 16x16 simulator for arm64, in build/arm64
	$(Q)tools/arm64/root.sh $(ARM64_B)/root
	$(Q)$(ARM64_MAKE) $(ARM64_B)/mea $(ARM64_B)/libmea.so $(ARM64_B)/hw/sim/libmea_sim_16x16.so

check-arm64: arm64 $(B)/mea $(SIM_DIR)/libmea_sim_16x16.so ## what arm64 builds, in qemu-user, against this machine's
	@tests/run.sh "tests/e2e/arm64.sh $(B)/mea $(ARM64_B)"

# SPDX-License-Identifier: Apache-2.0
# tools/cosim: the device as a vhost-user or vfio-user process, the guest kernels, `make cosim`.

COSIM_SRCS := $(sort $(wildcard tools/cosim/*.c))
COSIM_OBJS := $(COSIM_SRCS:%.c=$(B)/%.o) $(B)/hw/sim/sim.o

$(B)/mea-cosim: $(COSIM_OBJS)
	$(call link,-ldl)

# (In an initial RAM disk it is alone.)
$(B)/cosim/init: $(B)/tools/cosim/guest/init.o
	@mkdir -p $(@D)
	$(call link,,-static)

ALL_TARGETS += $(B)/mea-cosim

# Its unit tests are clients of it.
COSIM_UNIT := $(patsubst %,$(B)/tests/unit/%,test_cosim test_cosim_vfio test_cosim_time)
$(COSIM_UNIT): $(B)/tools/cosim/ctl.o | $(B)/mea-cosim build/hw/sim/libmea_sim_8x8.so
$(COSIM_UNIT:=.o): EXTRA_CFLAGS += -Itools

# --- guest kernels -------------------------------------------------------------
COSIM_KERNELS ?= fast debug
.PHONY: cosim-source cosim-kernel $(COSIM_KERNELS:%=cosim-kernel-%)
cosim-kernel: $(COSIM_KERNELS:%=cosim-kernel-%)
cosim-kernel-fast cosim-kernel-debug: cosim-kernel-%:
	@tools/cosim/kernel.sh build/cosim $*

cosim-source:
	@tools/cosim/kernel.sh build/cosim source

# The driver for each; in the debug kernel it counts its branches for fuzzers.
.PHONY: cosim-module-fast cosim-module-debug
cosim-module-fast: COSIM_KMOD_FLAGS := ARCH=um
cosim-module-debug: COSIM_KMOD_FLAGS := ARCH=um KCOV_INSTRUMENT=y
cosim-module-fast cosim-module-debug: cosim-module-%: cosim-kernel-%
	$(Q)$(MAKE) -s kmod-objects KDIR=$(abspath build/cosim/$*) KMOD_OUT=build/cosim/$*/mea \
		KMOD_FLAGS="$(COSIM_KMOD_FLAGS)"
	$(Q)mkdir -p build/cosim/$*/bridge/hw/isa
	$(Q)cp -p tests/kmod/bridge/* build/cosim/$*/bridge/
	$(Q)cp -p hw/isa/mea_isa.h build/cosim/$*/bridge/hw/isa/
	$(Q)$(MAKE) -s -C build/cosim/$* M=$(abspath build/cosim/$*/bridge) ARCH=um W=1 modules

# --- tests in the guest ------------------------------------------------------------
# tests/kmod/test_*.c: lib/check.h, test_*.sh: TAP. They share a guest, but for those
# with "unplug" in their name (check.sh).
KMOD_TEST_BINS := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/kmod/test_*.c)))
KMOD_FUZZ := $(B)/tests/kmod/fuzz_ioctl
KMOD_BENCH := $(B)/tests/kmod/bench_jobs
KMOD_TESTS := $(sort $(wildcard tests/kmod/test_*.sh)) $(KMOD_TEST_BINS) \
	"$(KMOD_FUZZ) 20000 1 tests/kmod/corpus"

KMOD_TEST_LIB := $(patsubst %.c,$(B)/%.o,$(wildcard tests/kmod/lib/*.c)) $(B)/tools/cosim/ctl.o

$(B)/tests/kmod/%.o: EXTRA_CFLAGS += -Itools -Ikmod/uapi
$(KMOD_TEST_BINS): %: %.o $(KMOD_TEST_LIB)
$(KMOD_FUZZ) $(KMOD_BENCH): %: %.o $(filter-out %/check.o,$(KMOD_TEST_LIB))
$(KMOD_TEST_BINS) $(KMOD_FUZZ) $(KMOD_BENCH):
	$(call link,-ldrm -lpthread)

# The kernel interface is the same for a program of 32 bits.
$(B)/tests/kmod/test_uapi.o: | $(B)/tests/kmod/layout32
$(B)/tests/kmod/layout32: tests/kmod/lib/layout.h kmod/uapi/mea_accel.h
	@mkdir -p $(@D)
	$(Q)$(CC) -m32 -ffreestanding -fsyntax-only -x c -Ikmod/uapi -isystem /usr/include/libdrm \
		-isystem /usr/include/$(shell $(CC) -dumpmachine) $<
	$(Q)touch $@

# Everything above, in both kernels; the last line is the sum.
COSIM_PROGRAMS := $(B)/mea-cosim build/cosim/init $(B)/mea $(B)/tests/e2e/helper \
	$(KMOD_TEST_BINS) $(KMOD_FUZZ) $(KMOD_BENCH) build/hw/sim/libmea_sim_16x16.so build/hw/sim/libmea_sim_8x8s.so
.PHONY: cosim cosim-programs
cosim-programs: $(COSIM_KERNELS:%=cosim-module-%) $(COSIM_PROGRAMS)
cosim: ## the driver on the RTL, in two guest kernels
	@tools/cosim/cosim.sh "$(MAKE)" "debug platform fast" $(KMOD_TESTS)

# The same in Debian's kernel in QEMU, whose processor lacks what the simulator is built for on
# this host (test_run.sh), and is too slow for a fuzzer.
LEG ?= stock iommu
QEMU_TESTS := $(filter-out %/test_run.sh,$(filter %.sh,$(KMOD_TESTS))) $(KMOD_TEST_BINS)
.PHONY: cosim-qemu cosim-qemu-guest
cosim-qemu-guest: build/cosim/init
	@tools/cosim/qemu.sh build/cosim/qemu
cosim-qemu: cosim-qemu-guest $(COSIM_PROGRAMS) ## the driver on a stock kernel, in QEMU: LEG="stock iommu"
	@tools/cosim/check.sh "$(LEG)" $(QEMU_TESTS)

# In `make check-slow`: the core of it on four processors behind an IOMMU.
ifeq ($(shell uname -m),x86_64)
CHECK_SLOW_EXTRA += cosim-qemu-guest $(COSIM_PROGRAMS)
endif
CHECK_SLOW_SCRIPTS += "tools/cosim/check.sh --tap iommu $(foreach t,uapi bo jobs,$(B)/tests/kmod/test_$(t))"

# In `make check`: the core of it in the fast kernel.
COSIM_CORE := tests/kmod/test_guest.sh tests/kmod/test_run.sh \
	$(foreach t,uapi bo sync jobs faults,$(B)/tests/kmod/test_$(t))
ifeq ($(shell uname -m),x86_64)
CHECK_EXTRA += cosim-module-fast $(COSIM_PROGRAMS)
endif
CHECK_SCRIPTS += "tools/cosim/check.sh --tap fast $(COSIM_CORE)"

# A million calls of the fuzzer in the debug kernel, from the corpus; the new one is under
# build/cosim/logs/fuzz.
FUZZ_CALLS ?= 1000000
FUZZ_SEED ?= 1
.PHONY: fuzz-ioctl
fuzz-ioctl: cosim-module-debug $(COSIM_PROGRAMS) ## the driver under random calls
	tools/cosim/run.sh -k debug -t 7200 --cosim "--clock 1" -o build/cosim/logs/fuzz \
		-m "build/cosim/debug/mea/mea.ko timeout_ms=10000" -- \
		$(KMOD_FUZZ) $(FUZZ_CALLS) $(FUZZ_SEED) tests/kmod/corpus /run/out/corpus

# Overhead of the driver; BENCH_DATA: CIFAR-100.
BENCH_DATA ?= $(or $(MEA_DATA),$(wildcard ../shared/data/cifar-100-binary))
$(B)/tests/kmod/count_ioctls.so: $(B)/tests/kmod/count_ioctls.o
	$(call link,,-shared)
# The command once more, with its copies from and to mapped buffers counted.
$(B)/tests/kmod/mea-copies: $(B)/tools/main.o $(TRAIN_TOOL_OBJS) $(TOOLS_OBJS) $(B)/tests/kmod/count_copies.o $(B)/libmea_train.a $(B)/libmea.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(MEA_LDFLAGS) $(foreach f,mea_layout_write mea_layout_read memcpy mmap,-Wl$(comma)--wrap=$(f)) \
		-o $@ $^ $(TRAIN_LIBS) $(TOOLS_LIBS) $(RUNTIME_LIBS)
.PHONY: bench-kmod
bench-kmod: ## cost of a job
bench-kmod: cosim-module-fast $(COSIM_PROGRAMS) $(KMOD_BENCH) $(B)/tests/kmod/count_ioctls.so \
		$(B)/tests/kmod/mea-copies
	@tools/cosim/run.sh -k fast --real-time -m "build/cosim/fast/mea/mea.ko timeout_ms=10000" -- \
		tests/kmod/bench.sh $(BENCH_DATA)

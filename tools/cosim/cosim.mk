# SPDX-License-Identifier: Apache-2.0
# tools/cosim: the device as a vhost-user process, the guest kernels, `make cosim`.

COSIM_SRCS := $(sort $(wildcard tools/cosim/*.c))
COSIM_OBJS := $(COSIM_SRCS:%.c=$(B)/%.o) $(B)/hw/sim/sim.o

$(B)/mea-cosim: $(COSIM_OBJS)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(MEA_LDFLAGS) -o $@ $^ -ldl

$(B)/cosim/init: $(B)/tools/cosim/guest/init.o
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(MEA_LDFLAGS) -o $@ $^

ALL_TARGETS += $(B)/mea-cosim

# Its unit test is a client of it.
$(B)/tests/unit/test_cosim: $(B)/tools/cosim/ctl.o | $(B)/mea-cosim build/hw/sim/libmea_sim_8x8.so
$(B)/tests/unit/test_cosim.o: EXTRA_CFLAGS += -Itools

# --- guest kernels -------------------------------------------------------------
COSIM_KERNELS := fast debug
.PHONY: cosim-kernel
cosim-kernel:
	@tools/cosim/kernel.sh build/cosim $(COSIM_KERNELS)

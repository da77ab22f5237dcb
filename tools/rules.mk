# SPDX-License-Identifier: Apache-2.0
# The `mea` command: one file per subcommand, one table in tools/mea.c.

TOOL_SRCS := $(sort $(wildcard tools/*.c))
# Where libmea_mpi.so is, built or installed.
PLUGIN_PATH := -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib/mea'
TOOL_OBJS := $(TOOL_SRCS:%.c=$(B)/%.o)

$(B)/mea: $(TOOL_OBJS) $(B)/libmea_train.a $(B)/libmea.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(MEA_LDFLAGS) $(PLUGIN_PATH) -o $@ $^ $(TRAIN_LIBS) $(RUNTIME_LIBS) -lsystemd

ALL_TARGETS += $(if $(TOOL_SRCS),$(B)/mea)
include tools/cosim/cosim.mk

# SPDX-License-Identifier: Apache-2.0
# The `mea` command: a folder for each program, one table in tools/main.c.

# What libraries' parts of the tools need beside RUNTIME_LIBS.
TOOLS_LIBS := -ljpeg -lmicrohttpd -lgnutls -lsystemd
ROOMS := mea images quantize run bench serve
TOOLS_SRCS := $(sort $(wildcard $(ROOMS:%=tools/%/*.c)))
TOOLS_OBJS := $(TOOLS_SRCS:%.c=$(B)/%.o)
TRAIN_TOOL_OBJS := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tools/train/train*.c tools/train/eval*.c)))
# Where libmea_mpi.so is, built or installed.
PLUGIN_PATH := -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib/mea'

$(B)/tools/bench/model.o: tools/bench/models.json
$(B)/tools/serve/infer_dnnl.o: EXTRA_CFLAGS += -fopenmp
$(TOOLS_OBJS): | $(B)/onnx/onnx.pb-c.h

# For tests, which need a part here and there.
$(B)/libmea_tools.a: $(TOOLS_OBJS)
	$(if $(V),,@echo "  AR      $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/mea: $(B)/tools/main.o $(TRAIN_TOOL_OBJS) $(TOOLS_OBJS) $(B)/libmea_train.a $(B)/libmea.a
	$(call link,$(TRAIN_LIBS) $(MEA_LIBS),$(PLUGIN_PATH))

ALL_TARGETS += $(B)/mea
include tools/train/train.mk
include tools/cosim/cosim.mk

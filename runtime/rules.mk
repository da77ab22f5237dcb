# SPDX-License-Identifier: Apache-2.0
# libmea: every C file under runtime/, plus the ONNX message code that
# protoc-c makes from the onnx.proto of libonnx-dev.

RUNTIME_SRCS := $(sort $(wildcard runtime/*/*.c runtime/*/*/*.c)) hw/sim/sim.c
RUNTIME_OBJS := $(RUNTIME_SRCS:%.c=$(B)/%.o) $(B)/onnx/onnx.pb-c.o
RUNTIME_LIBS := -ldrm -lprotobuf-c -ljansson -lnettle -lpng -lcurl -lm -lpthread -ldl

ONNX_PROTO ?= /usr/include/onnx/onnx.proto

$(B)/onnx/onnx.pb-c.c $(B)/onnx/onnx.pb-c.h &: $(ONNX_PROTO)
	@mkdir -p $(B)/onnx
	$(if $(V),,@echo "  PROTOC  onnx.proto")
	$(Q)protoc-c -I $(dir $(ONNX_PROTO)) --c_out=$(B)/onnx $(ONNX_PROTO)

# Generated code: the warnings that it cannot meet are off for it alone.
$(B)/onnx/onnx.pb-c.o: $(B)/onnx/onnx.pb-c.c
	$(if $(V),,@echo "  CC      $<")
	$(Q)$(CC) $(CFLAGS) -std=c11 -fPIC -fvisibility=hidden -I$(B) -c -o $@ $<

# The kernels are a part of this object.
$(B)/runtime/backend/opencl/source.o: $(wildcard runtime/backend/opencl/*.cl) runtime/backend/opencl/layer.h

$(RUNTIME_OBJS): | $(B)/onnx/onnx.pb-c.h

$(B)/libmea.a: $(RUNTIME_OBJS)
	$(if $(V),,@echo "  AR      $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The shared library shows only what mea.h marks MEA_API.
$(B)/libmea.so: $(RUNTIME_OBJS)
	$(call link,$(RUNTIME_LIBS),-shared -Wl$(comma)-soname$(comma)libmea.so.0)

ALL_TARGETS += $(B)/libmea.a $(B)/libmea.so

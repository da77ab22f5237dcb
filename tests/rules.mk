# SPDX-License-Identifier: Apache-2.0
# tests/unit/test_*.c: Criterion, one binary a file, linked with libmea.a.

UNIT_SRCS := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BINS := $(UNIT_SRCS:%.c=$(B)/%)

$(B)/tests/unit/test_%: $(B)/tests/unit/test_%.o $(B)/libmea.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(MEA_LDFLAGS) -o $@ $^ -lcriterion $(RUNTIME_LIBS)

.PRECIOUS: $(B)/tests/unit/%.o

# The ONNX project's node tests: a program of its own that prints TAP.
$(B)/tests/onnx/%: $(B)/tests/onnx/%.o $(B)/libmea.a
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(MEA_LDFLAGS) -o $@ $^ $(RUNTIME_LIBS)

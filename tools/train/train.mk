# SPDX-License-Identifier: Apache-2.0
# libmea_train.a: training. Apart from libmea, so that only what trains needs oneDNN.

TRAIN_SRCS := $(sort $(filter-out tools/train/mpi.c $(wildcard tools/train/train*.c tools/train/eval*.c),$(wildcard tools/train/*.c)))
TRAIN_OBJS := $(TRAIN_SRCS:%.c=$(B)/%.o)
TRAIN_LIBS := -ldnnl -lgomp

$(TRAIN_OBJS): EXTRA_CFLAGS += -fopenmp
$(TRAIN_OBJS): | $(B)/onnx/onnx.pb-c.h

$(B)/libmea_train.a: $(TRAIN_OBJS)
	$(if $(V),,@echo "  AR      $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

ALL_TARGETS += $(B)/libmea_train.a

# The plugin that mea opens when mpirun started it (team.h); the only thing that knows MPI.
$(B)/tools/train/mpi.o: EXTRA_CFLAGS += $(patsubst -I%,-isystem %,$(shell pkg-config --cflags ompi-c 2>/dev/null))
$(B)/libmea_mpi.so: $(B)/tools/train/mpi.o
	$(call link,$$(pkg-config --libs ompi-c),-shared)

.PHONY: mpi
mpi: $(B)/mea $(B)/libmea_mpi.so ## training by several processes

# Packets of ranks under libFuzzer, for FUZZ_SECONDS.
build/fuzz/fuzz_packet: $(patsubst %.c,build/fuzz/%.o,tests/fuzz/fuzz_packet.c tools/train/packet.c tools/train/unpack.c $(wildcard runtime/base/*.c))
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -lm

.PHONY: fuzz-packet
fuzz-packet: build/fuzz/fuzz_packet ## packets of gradients under libFuzzer
	@mkdir -p build/fuzz/packet
	build/fuzz/fuzz_packet -max_len=2000 -timeout=10 -rss_limit_mb=2048 -max_total_time=$(FUZZ_SECONDS) \
		-print_final_stats=1 -artifact_prefix=build/fuzz/ build/fuzz/packet

# Whole steps against PyTorch, where Debian's python3-torch is installed.
$(B)/tests/train/torch_step: $(B)/tests/train/torch_step.o $(B)/libmea_train.a $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(TRAIN_LIBS) $(MEA_LIBS))

# Checkpoints of torchvision, where its Debian package is installed.
TORCH_TESTS := $(B)/tests/train/torch_step $(B)/tests/train/torchvision
CHECK_EXTRA += $(TORCH_TESTS)
CHECK_SCRIPTS += $(TORCH_TESTS)

.PHONY: check-torch
check-torch: $(TORCH_TESTS) ## training steps beside PyTorch
	@tests/run.sh $^

# Several processes, where mpirun is; MEA finds the plugin beside itself.
$(B)/tests/train/distance $(B)/tests/train/torchvision: %: %.o $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(MEA_LIBS))

CHECK_EXTRA += $(B)/tests/train/distance $(B)/libmea_mpi.so
CHECK_SCRIPTS += tests/train/mpi.sh

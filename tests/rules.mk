# SPDX-License-Identifier: Apache-2.0
# Tests; tests/run.sh runs programs and sums up. See tests/README.md.
#
#   make check        all but what is below; about 20 minutes on two cores
#   make check-san    the same C tests under ASan and UBSan
#   make check-onnx   ONNX Runtime opens what mea ships and writes, and agrees
#   make check-imagenet  whole networks of 224 x 224 on the RTL, about ten minutes
#   make check-slow   long random runs, large layers, mutants, proofs, the driver on a stock kernel

# --- programs --------------------------------------------------------------
# tests/unit/test_*.c: Criterion, one binary a file, linked with libmea.a.
UNIT_SRCS := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BINS := $(UNIT_SRCS:%.c=$(B)/%)

$(B)/tests/unit/test_train%: $(B)/tests/unit/test_train%.o $(B)/libmea_train.a $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,-lcriterion $(TRAIN_LIBS) $(MEA_LIBS))

# These compare random networks with the reference.
RANDOM_NET := $(patsubst %.c,$(B)/%.o,$(wildcard tests/rtl/lib/random_*.c))
RANDOM_NET_TESTS := $(filter $(B)/tests/unit/test_opencl%,$(UNIT_BINS)) $(B)/tests/unit/test_split
$(RANDOM_NET_TESTS): %: %.o $(RANDOM_NET) $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,-lcriterion $(MEA_LIBS))

$(B)/tests/unit/test_%: $(B)/tests/unit/test_%.o $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,-lcriterion $(MEA_LIBS))

.SECONDARY: $(UNIT_SRCS:%.c=$(B)/%.o)

# tests/rtl/*.c, tests/onnx/*.c: programs of their own that print TAP.
RTL_BINS := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/rtl/*.c)))
ONNX_BINS := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/onnx/*.c)))

$(RTL_BINS): %: %.o $(patsubst %.c,$(B)/%.o,$(wildcard tests/rtl/lib/*.c)) $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(MEA_LIBS))
$(ONNX_BINS): %: %.o $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(MEA_LIBS))

# tests/e2e/*.sh: the mea command as a user calls it; helper reads JSON, writes images; foreign
# writes models as other programs do; answer runs one on raw input.
$(B)/tests/e2e/foreign $(B)/tests/e2e/answer: %: %.o $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(MEA_LIBS))
$(B)/tests/e2e/helper: $(B)/tests/e2e/helper.o $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(MEA_LIBS))
E2E := $(sort $(wildcard tests/e2e/test_*.sh))

# --- check -------------------------------------------------------------------
CHECK_SCRIPTS += "tests/house/test_house.sh $(B)" "tests/house/test_sample_op.sh $(B)" tests/rtl/test_isa.sh tests/rtl/test_params.sh
# Benches of single modules in Icarus Verilog, where what nobody set is X.
RTL_UNIT := $(foreach b,$(sort $(wildcard tests/rtl/icarus/bench_*.v)),"tests/rtl/icarus/run.sh $(b:tests/rtl/icarus/bench_%.v=%)")
CHECK_SCRIPTS += $(RTL_UNIT)
.PHONY: rtl-unit
rtl-unit: ## benches of single modules in Icarus
	@tests/run.sh $(RTL_UNIT)

# Layers per array size; check-slow runs more with other seeds.
RANDOM_LAYERS ?= 2000
RANDOM_SEED ?= 1
RANDOM_LARGE ?= 60
RANDOM_RUNS = $(foreach c,$(SIM_CONFIGS) 8x8-collide,"$(B)/tests/rtl/random_layers $(c) $(RANDOM_LAYERS) $(RANDOM_SEED)" \
	"$(B)/tests/rtl/random_layers $(c) $(RANDOM_LARGE) $(RANDOM_SEED) large") \
	$(foreach c,$(SIM_CONFIGS),"$(B)/tests/rtl/bound $(c) 150 $(RANDOM_SEED)" "$(B)/tests/rtl/bound $(c) 10 $(RANDOM_SEED) large") \
	"$(B)/tests/rtl/bound 16x16 10 models/cifar100-resnet32-a/main.int8.onnx"
# Seed 118: more stores before the loads that wait for them than a token counter holds.
OTHER_RTL = $(foreach c,4x4 16x16 8x16,"$(B)/tests/rtl/guard $(c)" "$(B)/tests/rtl/jobs $(c)") "$(B)/tests/rtl/guard 8x8p" \
	$(foreach c,16x16 32x32 8x16,"$(B)/tests/rtl/random_layers $(c) 240 1 sizes") \
	"$(B)/tests/rtl/random_layers 4x4 9 118 large" \
	$(foreach c,$(SIM_CONFIGS),"$(B)/tests/rtl/known_nets sim:$(c)$(comma)latency=100 tiny" \
		"$(B)/tests/rtl/known_nets sim:$(c)$(comma)latency=100 control") \
	"$(B)/tests/rtl/known_nets sim:16x16$(comma)latency=100 mobilenet_v3_small" \
	"$(B)/tests/rtl/known_nets sim:8x16$(comma)latency=100 shufflenet_v2_x1_0" \
	"$(B)/tests/rtl/command_fuzz 4x4 5000" "$(B)/tests/rtl/command_fuzz 8x16 1000"

# The sources' layout is that of clang-format 14; what other versions of the linters say is not a
# user's concern.
LINT_HERE := $(if $(shell clang-format --version 2>/dev/null | grep ' 14\.'),lint)
.PHONY: check check-programs
check-programs: $(B)/mea $(PAGES) $(COMPLETIONS) $(B)/libmea.so $(B)/tests/e2e/helper $(B)/tests/e2e/foreign $(B)/tests/e2e/answer $(UNIT_BINS) $(RTL_BINS) $(ONNX_BINS) sim-all $(SIM_DIR)/libmea_sim_8x8-collide.so

check: $(LINT_HERE) check-programs build/hw/isa/gen $(CHECK_EXTRA) ## all tests; the last line is their sum
	@MEA=$(B)/mea tests/run.sh $(UNIT_BINS) $(ONNX_BINS) $(OTHER_RTL) $(E2E) \
		$(CHECK_SCRIPTS) $(RANDOM_RUNS)

# Without the long random runs, which are the same C code again.
.PHONY: check-san
check-san: ## the same C tests under ASan and UBSan
	$(MAKE) SAN=1 check-san-programs
.PHONY: check-san-programs
# LLVM, which pocl compiles with, gives the thread that calls it a signal stack of its own, and
# ASan would unmap that at the thread's end as if it were the one that ASan made.
check-san-programs: export ASAN_OPTIONS := use_sigaltstack=0$(if $(ASAN_OPTIONS),:$(ASAN_OPTIONS))
check-san-programs: check-programs
	@MEA=$(B)/mea RUN_LIMIT=600 tests/run.sh $(UNIT_BINS) $(ONNX_BINS) $(OTHER_RTL) $(E2E) \
		"$(B)/tests/rtl/random_layers 8x8 300"

.PHONY: check-slow
check-slow: check-programs formal fuzz-onnx fuzz-http fuzz-packet $(SIM_MORE:%=$(SIM_DIR)/libmea_sim_%.so) $(CHECK_SLOW_EXTRA) ## long random runs, mutants, proofs, fuzzers
	@TEST_LIMIT=3600 tests/run.sh $(CHECK_SLOW_SCRIPTS) hw/formal/mutants.sh "tests/rtl/mutants.sh $(B)" \
		$(foreach c,$(SIM_CONFIGS),"$(B)/tests/rtl/random_layers $(c) 20000 100000") $(LARGE_RUNS)

# Large maps and depthwise layers, a thousand layers on every configuration.
LARGE_RUNS = $(foreach c,$(SIM_CONFIGS) $(SIM_MORE),"$(B)/tests/rtl/random_layers $(c) 1000 1 large") \
	$(foreach c,4x4 8x8,"$(B)/tests/rtl/random_layers $(c) 240 1 sizes")
.PHONY: check-large check-imagenet
check-large: check-programs $(SIM_MORE:%=$(SIM_DIR)/libmea_sim_%.so) ## large layers on every array size
	@TEST_LIMIT=3600 tests/run.sh $(LARGE_RUNS)

check-imagenet: check-programs $(SIM_DIR)/libmea_sim_16x16w.so $(SIM_DIR)/libmea_sim_16x16w9.so ## networks of 224 x 224 on the RTL, ten minutes
	@TEST_LIMIT=3600 tests/run.sh "tests/rtl/imagenet.sh $(B)" \
		$(foreach c,16x16w 16x16,"$(B)/tests/rtl/known_nets sim:$(c)$(comma)latency=100 mobile")

# The networks of MLPerf Tiny, random weights, bus latency of 100 cycles.
TINY_DEVICES ?= 16x16 8x8 4x4
.PHONY: mlperf-tiny
mlperf-tiny: check-programs ## MLPerf Tiny's four networks on the RTL: cycles, utilisation
	@for c in $(TINY_DEVICES); do MEA_SIM_DIR=$(SIM_DIR) $(B)/tests/rtl/known_nets sim:$$c,latency=100 tiny | grep '^#'; done

# Faults planted in copies of the RTL, about ten minutes.
.PHONY: mutants
mutants: check-programs ## faults planted in the RTL
	@TEST_LIMIT=3600 tests/run.sh "tests/rtl/mutants.sh $(B)"

# --- coverage ------------------------------------------------------------------
COVER_CONFIGS := 4x4 8x16
.PHONY: coverage
coverage: $(COVER_CONFIGS:%=$(SIM_DIR)/libmea_sim_%-cover.so) ## lines of C and of Verilog that tests reach, toggled wires
	$(Q)$(MAKE) COV=1 check-programs
	@MEA=build/cov/mea tests/coverage.sh "$(COVER_CONFIGS)" $(patsubst $(B)/%,build/cov/%,$(UNIT_BINS) $(ONNX_BINS)) $(E2E)

# --- lint ----------------------------------------------------------------------
# (Kernel code has the kernel's style.)
C_FILES := $(filter-out tests/kmod/bridge/%,$(wildcard runtime/*.[ch] runtime/*/*.[ch] runtime/*/*/*.[ch] hw/sim/*.[ch] hw/sim/*.cpp \
	tools/*.[ch] tools/*/*.[ch] tools/*/*/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch]))

.PHONY: lint
lint: $(B)/onnx/onnx.pb-c.h ## clang-format, cppcheck, Verilator
	@echo "  LINT    clang-format, cppcheck, verilator"
	$(Q)clang-format --dry-run -Werror $(C_FILES)
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
		--inline-suppr --suppressions-list=tests/cppcheck.txt -j2 -D__x86_64__ -Ihw -Ihw/isa \
		-I$(B) -Iruntime -Iruntime/include -Itools $(filter-out tests/unit/%,$(filter %.c,$(C_FILES)))
	$(Q)$(foreach c,$(SIM_ALL),$(VERILATOR) --lint-only -Wall hw/rtl/waivers.vlt -Ihw/isa \
		$(SIM_PARAMS_$(c)) -y hw/rtl --top-module mea_accel hw/rtl/mea_accel.v &&) true

# Long runs of the bound: networks on each array, 1,000 images of one network and 100 buses.
.PHONY: check-bound
check-bound: $(B)/tests/rtl/bound $(SIM_CONFIGS:%=$(SIM_DIR)/libmea_sim_%.so) ## the bound on a job's cycles, a quarter of an hour
	@TEST_LIMIT=3600 tests/run.sh "$(B)/tests/rtl/bound 16x16 1000 models/cifar100-resnet32-a/main.int8.onnx" \
		$(foreach m,resnet32-b/main resnet32-b/extension mobilenetv2-b/main mobilenetv2-b/extension,\
		"$(B)/tests/rtl/bound 16x16 20 models/cifar100-$(m).int8.onnx") \
		$(foreach c,$(SIM_CONFIGS),"$(B)/tests/rtl/bound $(c) 3000 100000" "$(B)/tests/rtl/bound $(c) 200 100000 large")

# --- others' judgement -------------------------------------------------------------
# The newest ONNX Runtime and ONNX of Python's package index, in an environment of their own.
ONNX_PYTHON := build/onnx-python/bin/python
$(ONNX_PYTHON):
	python3 -m venv build/onnx-python
	build/onnx-python/bin/pip install --quiet --upgrade onnx onnxruntime numpy pillow

.PHONY: check-onnx
check-onnx: $(B)/mea $(B)/tests/e2e/helper $(B)/tests/e2e/answer $(ONNX_PYTHON) ## the newest ONNX Runtime on what mea ships and writes
	@tests/run.sh "$(ONNX_PYTHON) tests/onnx/runtime.py $(B)/mea" \
		"$(ONNX_PYTHON) tests/onnx/pictures.py $(B)/tests/e2e/helper"

# The files for CI servers.
CI_SCHEMA := build/ci-python/bin/check-jsonschema
$(CI_SCHEMA):
	python3 -m venv build/ci-python
	build/ci-python/bin/pip install --quiet --upgrade check-jsonschema

.PHONY: check-ci
check-ci: $(CI_SCHEMA) ## ci/'s files for GitHub and GitLab, against the servers' schemas
	@tests/run.sh "tests/e2e/ci_schema.sh $(CI_SCHEMA)"

# Perfetto's trace processor, which its package of Python's index fetches.
PERFETTO_PYTHON := build/perfetto-python/bin/python
$(PERFETTO_PYTHON):
	python3 -m venv build/perfetto-python
	build/perfetto-python/bin/pip install --quiet --upgrade perfetto

.PHONY: check-perfetto
check-perfetto: $(B)/mea build/hw/sim/libmea_sim_16x16.so $(PERFETTO_PYTHON) ## Perfetto's trace processor on mea trace --perfetto
	@tests/run.sh "$(PERFETTO_PYTHON) tests/e2e/trace_processor.py $(B)/mea"

# Needs a Python with torch, torchvision, timm, onnx, onnxscript and onnxruntime; skipped without.
ZOO_PYTHON ?= python3
.PHONY: check-zoo
check-zoo: $(B)/mea $(B)/tests/e2e/answer $(B)/tests/e2e/helper build/hw/sim/libmea_sim_16x16.so ## networks of torchvision and timm, exported and run; half an hour
	@MEA_SIM_DIR=$(SIM_DIR) TEST_LIMIT=7200 tests/run.sh "$(ZOO_PYTHON) tests/onnx/zoo.py $(B)/mea" \
		"$(ZOO_PYTHON) tests/onnx/pictures.py $(B)/tests/e2e/helper" \
		"$(ZOO_PYTHON) tests/onnx/walk.py $(B)/mea"

# The same Python, and pip's downloads.
.PHONY: check-trained
check-trained: $(B)/mea $(B)/tests/e2e/answer build/hw/sim/libmea_sim_16x16.so ## trained networks of PyPI's packages, half an hour
	@MEA_SIM_DIR=$(SIM_DIR) TEST_LIMIT=7200 tests/run.sh "$(ZOO_PYTHON) tests/onnx/trained.py $(B)/mea"

# --- bench -----------------------------------------------------------------------
# cpu_*.c are parts of cpu.c.
BENCH_BINS := $(patsubst %.c,$(B)/%,$(sort $(filter-out tests/bench/cpu%,$(wildcard tests/bench/*.c))))
$(B)/tests/bench/train%: $(B)/tests/bench/train%.o $(B)/libmea_train.a $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(TRAIN_LIBS) $(MEA_LIBS))
$(filter-out $(B)/tests/bench/train%,$(BENCH_BINS)): %: %.o $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(MEA_LIBS))

.PHONY: bench
bench: $(BENCH_BINS) build/hw/sim/libmea_sim_16x16.so ## speed of the simulator
	@MEA_SIM_DIR=$(SIM_DIR) $(B)/tests/bench/sim_speed models/cifar100-resnet32-a/main.int8.onnx

# The OpenCL backend against oneDNN and, with BENCH_ORT=1, ONNX Runtime.
BENCH_CPU_OBJS := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/bench/cpu*.c)))
BENCH_PYTHON := $(if $(BENCH_ORT),$(ONNX_PYTHON))
BENCH_SECONDS ?= 4
$(B)/tests/bench/cpu: $(BENCH_CPU_OBJS) $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(MEA_LIBS) -ldnnl -lgomp)

.PHONY: bench-cpu
bench-cpu: $(B)/tests/bench/cpu $(BENCH_PYTHON) ## OpenCL beside oneDNN and, with BENCH_ORT=1, ONNX Runtime
	@BENCH_PYTHON=$(BENCH_PYTHON) $(B)/tests/bench/cpu $(BENCH_SECONDS)

$(B)/tests/fuzz/seed_onnx: $(B)/tests/fuzz/seed_onnx.o $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(MEA_LIBS))

# The model loader under libFuzzer with ASan and UBSan: `make fuzz-onnx` runs it for
# FUZZ_SECONDS from the corpus in build/fuzz/onnx, which starts from the ONNX node
# tests and grows.
FUZZ_CC ?= clang-14
FUZZ_SECONDS ?= 60
FUZZ_SEEDS ?= /usr/share/libonnx-testdata/data/node
FUZZ_FLAGS := -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZ_ONNX_SRCS := tests/fuzz/fuzz_onnx.c \
	$(wildcard runtime/base/*.c runtime/graph/*.c runtime/backend/ref/*.c) $(patsubst %,tools/quantize/%.c,calib quantize qparams quant_spec quant_range)
FUZZ_ONNX_OBJS := $(FUZZ_ONNX_SRCS:%.c=build/fuzz/%.o) build/fuzz/onnx.pb-c.o

build/fuzz/%.o: %.c | $(B)/onnx/onnx.pb-c.h
	@mkdir -p $(@D)
	$(if $(V),,@echo "  FUZZCC  $<")
	$(Q)$(FUZZ_CC) -std=c11 -D_GNU_SOURCE $(FUZZ_FLAGS) -I$(B) -Iruntime -Iruntime/include -Itools -MMD -MP -c -o $@ $<

build/fuzz/onnx.pb-c.o: $(B)/onnx/onnx.pb-c.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -std=c11 $(FUZZ_FLAGS) -I$(B) -c -o $@ $<

build/fuzz/fuzz_onnx: $(FUZZ_ONNX_OBJS)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -lprotobuf-c -lm

.PHONY: fuzz-onnx
fuzz-onnx: build/fuzz/fuzz_onnx $(B)/tests/fuzz/seed_onnx ## the model loader under libFuzzer
	@mkdir -p build/fuzz/onnx
	$(B)/tests/fuzz/seed_onnx build/fuzz/onnx
	@for d in $(FUZZ_SEEDS)/test_*; do cp -n $$d/model.onnx build/fuzz/onnx/$${d##*/}.onnx 2>/dev/null; done; true
	build/fuzz/fuzz_onnx -max_len=20000 -timeout=10 -rss_limit_mb=2048 \
		-max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build/fuzz/ build/fuzz/onnx

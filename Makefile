# SPDX-License-Identifier: Apache-2.0
# mea: see README.md. Each folder adds its own targets in its rules.mk; `make help` lists them.
#
#   SAN=1         AddressSanitizer and UndefinedBehaviorSanitizer, under build/san
#   COV=1         counts which lines run, under build/cov; `make coverage` uses it
#   V=1           show the commands
#   WERROR=1      warnings are errors, as in CI: another compiler may have others
#   DEPS=0        install no packages; say which are missing

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:

# The packages of what the goals call are installed before anything is made, in a recipe, so that
# `make -n` installs nothing.
PACKAGES_demo := run
PACKAGES_check := check lint cosim mpi
PACKAGES_check-san := check
PACKAGES_check-slow := check fuzz cosim
PACKAGES_check-large := check
PACKAGES_check-bound := check
PACKAGES_coverage := check coverage
PACKAGES_check-imagenet := check
PACKAGES_lint := run lint
PACKAGES_pictures := pictures
PACKAGES_formal := check
PACKAGES_formal-mutants := check
PACKAGES_synth := check
PACKAGES_mutants := check
PACKAGES_rtl-unit := check
PACKAGES_bench := run
PACKAGES_isa := run
PACKAGES_sim := run
PACKAGES_sim-all := run
PACKAGES_check-programs := check
PACKAGES_fpga := check onnx
PACKAGES_fpga-frames := check
PACKAGES_fuzz-onnx := check fuzz
PACKAGES_fuzz-http := check fuzz
PACKAGES_fuzz-packet := check fuzz
PACKAGES_install-kmod := kmod
PACKAGES_bench-cpu := run onnx
PACKAGES_check-cloud := check cloud
PACKAGES_check-onnx := run onnx
PACKAGES_check-perfetto := run onnx
PACKAGES_check-ci := onnx
PACKAGES_bench-cloud := check cloud
PACKAGES_check-interop := check
PACKAGES_bench-link := check
PACKAGES_mlperf-tiny := check
PACKAGES_check-zoo := run onnx
PACKAGES_check-trained := run onnx
PACKAGES_kmod := kmod
PACKAGES_cosim := check cosim
PACKAGES_cosim-kernel := cosim
PACKAGES_cosim-qemu := check cosim
PACKAGES_fuzz-ioctl := check cosim
PACKAGES_bench-kmod := check cosim
PACKAGES_dt-check := cosim dt
PACKAGES_lint-kmod := cosim sparse
PACKAGES_kmod-arm64 := cosim arm64
PACKAGES_arm64 := run cross
PACKAGES_check-arm64 := check cross
PACKAGES_all := run
PACKAGES_install := run
PACKAGES_mpi := run mpi
PACKAGES_check-torch := run torch
GOALS := $(or $(MAKECMDGOALS),all)
PACKAGES := $(sort $(foreach g,$(GOALS),$(PACKAGES_$(g))))
ifneq ($(if $(PACKAGES_ARE_HERE),,$(PACKAGES)),)
.PHONY: $(GOALS) packages
$(GOALS): packages ; @:
packages:
	@tools/deps.sh $(if $(filter 0,$(DEPS)),--list) $(PACKAGES)
	+@$(MAKE) --no-print-directory PACKAGES_ARE_HERE=1 $(GOALS)
else

WERROR ?= $(if $(CI),1)
B := build$(if $(SAN),/san)$(if $(COV),/cov)
Q := $(if $(V),,@)
comma := ,

CC ?= gcc
OPT ?= -O2
CFLAGS ?= $(OPT) -g
MEA_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings $(if $(WERROR),-Werror) -fPIC -fvisibility=hidden -MMD -MP \
	-I$(B) -Ihw -Ihw/isa -Iruntime -Iruntime/include -isystem $(SYSROOT)/usr/include/libdrm \
	$(if $(filter runtime/%,$<),,-Itools) \
	$(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer) $(if $(COV),--coverage)
MEA_LDFLAGS = $(if $(SAN),-fsanitize=address$(comma)undefined) $(if $(COV),--coverage)

.PHONY: all
all: build-all ## build/mea, build/libmea.so, the 16x16 simulator

include hw/rules.mk
include runtime/rules.mk
include tools/rules.mk
include models/rules.mk
include kmod/rules.mk
include tests/rules.mk
include tests/cloud/rules.mk
include tools/install.mk

.PHONY: build-all
build-all: $(ALL_TARGETS)

# --- help ----------------------------------------------------------------
# What is said of a target stands behind "##" on its line.
.PHONY: help
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{ printf "  %-18s %s\n", $$1, $$2 }'

# --- demo ----------------------------------------------------------------
# Images of the built-in glyphs data set through the Verilated accelerator, and the complex ones
# through a server on loopback.
DEMO_IMAGES ?= 200
.PHONY: demo
demo: $(B)/mea build/hw/sim/libmea_sim_16x16.so ## glyphs on the simulated accelerator and a server
	$(Q)tools/demo.sh $(B)/mea $(DEMO_IMAGES)

# --- pictures ------------------------------------------------------------
.PHONY: pictures
pictures: ## docs/pictures, from today's data
	$(Q)set -e; for p in flow stack figure7 utilisation; do docs/pictures/draw.sh $$p >docs/pictures/$$p.svg; done

# --- compile -------------------------------------------------------------
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $<")
	$(Q)$(CC) $(CFLAGS) $(MEA_CFLAGS) $(EXTRA_CFLAGS) -c -o $@ $<

# $(call link,LIBRARIES[,FLAGS]): a program, or with -shared a library, from what it depends on.
define link
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(MEA_LDFLAGS) $(2) -o $@ -Wl,--start-group $^ -Wl,--end-group $(1)
endef
MEA_LIBS = $(TOOLS_LIBS) $(RUNTIME_LIBS)

.PHONY: clean
clean: ## remove build/
	rm -rf build

# Not what lies in a Debian or a kernel that tests put there.
-include $(shell test -d $(B) && find $(B) \( -path $(B)/fresh-debian -o -path $(B)/cosim/linux -o -path $(B)/cosim/qemu \
	-o -path build/arm64/root -o -path $(B)/arm64 \) -prune \
	-o -name '*.d' -type f -print)
endif

# SPDX-License-Identifier: Apache-2.0
# mea: see README.md. Each folder adds its own targets in its rules.mk; `make help` lists them.
#
#   SAN=1         AddressSanitizer and UndefinedBehaviorSanitizer, under build/san
#   V=1           show the commands
#   WERROR=1      warnings are errors, as in CI: another compiler may have others

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:

# What the rules call is installed first, before make looks at anything else.
DEPS_demo := run
DEPS_check := check lint cosim mpi
DEPS_check-san := check
DEPS_check-slow := check cosim
DEPS_check-large := check
DEPS_check-imagenet := check
DEPS_lint := run lint
DEPS_pictures := pictures
DEPS_formal := check
DEPS_formal-mutants := check
DEPS_synth := check
DEPS_mutants := check
DEPS_rtl-unit := check
DEPS_bench := run
DEPS_bench-cpu := run onnx
DEPS_check-cloud := check cloud
DEPS_check-onnx := run onnx
DEPS_bench-cloud := check cloud
DEPS_check-interop := check
DEPS_kmod := kmod
DEPS_cosim := check cosim
DEPS_cosim-kernel := cosim
DEPS_cosim-qemu := check cosim
DEPS_fuzz-ioctl := check cosim
DEPS_bench-kmod := check cosim
DEPS_dt-check := cosim dt
DEPS_lint-kmod := cosim sparse
DEPS_kmod-arm64 := cosim arm64
DEPS_all := run
DEPS_install := run
DEPS_mpi := run mpi
DEPS_check-torch := run torch
GOALS := $(or $(MAKECMDGOALS),all)
DEPS := $(sort $(foreach g,$(GOALS),$(DEPS_$(g))))
ifneq ($(DEPS),)
DEPS_LOG := $(shell tools/deps.sh $(DEPS) >&2 || echo failed)
ifneq ($(DEPS_LOG),)
$(error packages are missing and could not be installed)
endif
endif

WERROR ?= $(if $(CI),1)
B := build$(if $(SAN),/san)
Q := $(if $(V),,@)
comma := ,

CC ?= gcc
OPT ?= -O2
CFLAGS ?= $(OPT) -g
MEA_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings $(if $(WERROR),-Werror) -fPIC -fvisibility=hidden -MMD -MP \
	-I$(B) -Ihw -Ihw/isa -Iruntime -Iruntime/include -isystem /usr/include/libdrm \
	$(if $(filter runtime/%,$<),,-Itools) \
	$(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
MEA_LDFLAGS = $(if $(SAN),-fsanitize=address$(comma)undefined)

.PHONY: all
all: build-all ## build/mea, build/libmea.so, the 16x16 simulator

include hw/rules.mk
include runtime/rules.mk
include tools/rules.mk
include models/rules.mk
include kmod/rules.mk
include tests/rules.mk
include tests/cloud/rules.mk

.PHONY: build-all
build-all: $(ALL_TARGETS)

# --- help ----------------------------------------------------------------
# What is said of a target stands behind "##" on its line.
.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{ printf "  %-18s %s\n", $$1, $$2 }'

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

# --- install -------------------------------------------------------------
PREFIX ?= /usr/local
.PHONY: install
install: build-all ## command, library, simulators, models under PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/mea $(DESTDIR)$(PREFIX)/include \
		$(DESTDIR)$(PREFIX)/share/mea/models
	install $(B)/mea $(DESTDIR)$(PREFIX)/bin/
	install $(B)/libmea.so $(DESTDIR)$(PREFIX)/lib/libmea.so.0
	ln -sf libmea.so.0 $(DESTDIR)$(PREFIX)/lib/libmea.so
	install -m 644 runtime/include/mea.h $(DESTDIR)$(PREFIX)/include/
	install $(wildcard build/hw/sim/libmea_sim_*.so $(B)/libmea_mpi.so) $(DESTDIR)$(PREFIX)/lib/mea/
	install -m 644 tools/bench/models.json $(DESTDIR)$(PREFIX)/share/mea/energy-models.json
	install -m 644 models/meanet-paper.json $(DESTDIR)$(PREFIX)/share/mea/
	cp -r $(wildcard models/*/) $(DESTDIR)$(PREFIX)/share/mea/models/
	test ! -f tools/mea.1 || install -D -m 644 tools/mea.1 $(DESTDIR)$(PREFIX)/share/man/man1/mea.1
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,/usr/local/,$(PREFIX)/,' tools/serve/mea-serve.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/mea-serve.service
	test ! -f tools/mea.bash-completion || install -D -m 644 tools/mea.bash-completion \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/mea

.PHONY: clean
clean: ## remove build/
	rm -rf build

# Not what lies in a Debian or a kernel that tests put there.
-include $(shell test -d $(B) && find $(B) \( -path $(B)/fresh-debian -o -path $(B)/cosim/linux -o -path $(B)/cosim/qemu \) -prune \
	-o -name '*.d' -type f -print)

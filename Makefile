# SPDX-License-Identifier: Apache-2.0
# mea: see README.md. `make demo` and `make check` install what is missing.
# Each folder adds its own targets in its rules.mk.
#
#   SAN=1      AddressSanitizer and UndefinedBehaviorSanitizer, under build/san
#   V=1        show the commands

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:

B := build$(if $(SAN),/san)
Q := $(if $(V),,@)

CC ?= gcc
OPT ?= -O2
CFLAGS ?= $(OPT) -g
MEA_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Werror -fPIC -fvisibility=hidden -MMD -MP \
	-I$(B) -Ihw -Ihw/isa -Iruntime -Iruntime/include \
	$(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
comma := ,
MEA_LDFLAGS = $(if $(SAN),-fsanitize=address$(comma)undefined)

.PHONY: all
all: build-all

include hw/rules.mk
include runtime/rules.mk
include tools/rules.mk
include models/rules.mk
include tests/rules.mk

.PHONY: build-all
build-all: $(ALL_TARGETS)

# --- compile -------------------------------------------------------------
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $<")
	$(Q)$(CC) $(CFLAGS) $(MEA_CFLAGS) $(EXTRA_CFLAGS) -c -o $@ $<

.PHONY: clean
clean:
	rm -rf build

-include $(shell test -d $(B) && find $(B) -name '*.d')

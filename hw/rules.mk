# SPDX-License-Identifier: Apache-2.0
# hw: the interface headers, the Verilated device, lint, unit benches.

# --- hw/isa --------------------------------------------------------------
build/hw/isa/gen: hw/isa/gen.c hw/isa/isa.def
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -O1 -Wall -Wextra $(if $(WERROR),-Werror) -o $@ $<

.PHONY: isa
isa: build/hw/isa/gen
	$(Q)build/hw/isa/gen c > hw/isa/mea_isa.h
	$(Q)build/hw/isa/gen v > hw/isa/mea_isa.vh
	$(Q)build/hw/isa/gen md > build/hw/isa/tables.md
	$(Q)sed -i -e '/<!-- isa tables -->/r build/hw/isa/tables.md' \
		-e '/<!-- isa tables -->/,/<!-- end of isa tables -->/{/^<!--/!d}' hw/README.md

# --- hw/sim: one shared object per configuration ----------------------------
# name: ROWS COLS AXI_DW and, behind them, other parameters of mea_accel.
SIM_CONFIGS := 4x4 8x8 16x16 32x32 8x16 8x8p
# What hw/fpga/configs names, with the parameters that it has there.
FPGA_CONFIGS := $(shell awk '/^[a-z]/ && !n[$$1]++ { print $$1 }' hw/fpga/configs)
$(foreach c,$(FPGA_CONFIGS),$(eval SIM_PARAMS_$(c) := $(shell awk -v c=$(c) \
	'$$1 == c && !n++ { gsub(/,/, " -G", $$3); print "-G" $$3 }' hw/fpga/configs)))
# Not in `make check`: these, and 16x16 with the bus of 128 bits, with nine multipliers a lane too.
SIM_MORE := 16x16w 16x16w9 $(FPGA_CONFIGS)
SIM_PARAMS_4x4 := -GROWS=4 -GCOLS=4 -GAXI_DW=64 -GACT_WORDS=32768 -GWGT_WORDS=8192 -GDW_TAPS=1 -GDW_LUTS=1 -GJOIN_LUTS=1
SIM_PARAMS_8x8 := -GROWS=8 -GCOLS=8 -GAXI_DW=64 -GACT_WORDS=32768 -GWGT_WORDS=8192
# 8x8p: two products in a multiplier.
SIM_PARAMS_8x8p := -GROWS=8 -GCOLS=8 -GAXI_DW=64 -GACT_WORDS=32768 -GWGT_WORDS=8192 -GPACK=16
SIM_PARAMS_16x16 := -GROWS=16 -GCOLS=16 -GAXI_DW=64 -GSTEM_WORDS=1024
SIM_PARAMS_16x16w := -GROWS=16 -GCOLS=16 -GAXI_DW=128 -GSTEM_WORDS=1024
SIM_PARAMS_16x16w9 := $(SIM_PARAMS_16x16w) -GDW_TAPS=9
SIM_PARAMS_32x32 := -GROWS=32 -GCOLS=32 -GAXI_DW=128 -GACT_WORDS=8192
SIM_PARAMS_8x16 := -GROWS=8 -GCOLS=16 -GAXI_DW=128 -GDW_TAPS=9

# For tests of the driver, to which networks do not matter: memories that a scrub is through with soon.
SIM_PARAMS_8x8s := -GROWS=8 -GCOLS=8 -GAXI_DW=64 -GACT_WORDS=1024 -GWGT_WORDS=256 -GACC_DEPTH=64 -GSTEM_WORDS=64 \
	-GDW_TAPS=1 -GDW_LINE=64

RTL_DIR ?= hw/rtl
SIM_DIR ?= build/hw/sim
RTL_SRCS := $(sort $(wildcard $(RTL_DIR)/*.v))
VERILATOR ?= verilator
# Loops over the array must unroll whole; -march=native because a simulator
# runs where it is built.
SIM_OPT ?= -O3 -march=native
SIM_FLAGS := --cc --top-module mea_accel --prefix Vmea_accel -Ihw/isa -O3 --x-assign fast \
	--x-initial unique --noassert --unroll-count 65536 --unroll-stmts 10000000 \
	-Wall $(if $(WERROR),,-Wno-fatal) hw/rtl/waivers.vlt hw/sim/public.vlt

# $(1) configuration, $(2) what its name ends with: "", "-trace" or "-collide",
# $(3) more Verilator flags
define sim_rule
# (Verilator leaves files alone that would not change.)
$(SIM_DIR)/$(1)$(2)/Vmea_accel.mk: $(RTL_SRCS) hw/rtl/waivers.vlt hw/sim/public.vlt hw/isa/mea_isa.vh hw/rules.mk
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  VERILATE $(1)$(2)")
	$$(Q)$(VERILATOR) $(SIM_FLAGS) $(3) $(SIM_PARAMS_$(1)) --Mdir $$(@D) -y $(RTL_DIR) $(RTL_DIR)/mea_accel.v
	$$(Q)touch $$@

$(SIM_DIR)/libmea_sim_$(1)$(2).so: $(SIM_DIR)/$(1)$(2)/Vmea_accel.mk hw/sim/shim.cpp hw/sim/shim.h hw/sim/mea_sim.h hw/isa/mea_isa.h
	$$(if $$(V),,@echo "  CXX     $$@")
	$$(Q)$$(MAKE) -s -C $(SIM_DIR)/$(1)$(2) -f Vmea_accel.mk OPT_FAST="$(SIM_OPT)" OPT_SLOW=-O1 \
		OPT_GLOBAL="$(SIM_OPT)" CXXFLAGS="-fPIC -fvisibility=hidden" \
		Vmea_accel__ALL.a verilated.o verilated_threads.o $(if $(filter -trace,$(2)),verilated_fst_c.o) >/dev/null
	$$(Q)g++ -std=c++17 $(SIM_OPT) -fPIC -shared -fvisibility=hidden -Wall -Wextra $$(if $$(WERROR),-Werror) \
		-DMEA_SIM_CONFIG='"$(1)$(2)"' -DMEA_SIM_AXI_DW=$$(subst -GAXI_DW=,,$$(filter -GAXI_DW=%,$$(SIM_PARAMS_$(1)))) \
		-DMEA_SIM_TRACE=$(if $(filter -trace,$(2)),1,0) -Ihw/sim -Ihw/isa -I$(SIM_DIR)/$(1)$(2) \
		-isystem $$(shell $(VERILATOR) --getenv VERILATOR_ROOT)/include \
		-isystem $$(shell $(VERILATOR) --getenv VERILATOR_ROOT)/include/vltstd \
		-o $$@ hw/sim/shim.cpp $(SIM_DIR)/$(1)$(2)/Vmea_accel__ALL.a \
		$(SIM_DIR)/$(1)$(2)/verilated*.o -lpthread $(if $(filter -trace,$(2)),-lz)
endef
$(foreach c,$(SIM_CONFIGS) $(SIM_MORE),$(eval $(call sim_rule,$(c),,)))
$(foreach c,$(SIM_CONFIGS) $(SIM_MORE),$(eval $(call sim_rule,$(c),-trace,--trace-fst)))
# In this one a RAM's read of the word that is being written gives a wrong word.
$(eval $(call sim_rule,8x8,-collide,+define+MEA_RAM_COLLIDE))

$(eval $(call sim_rule,8x8s,,))

CONFIG ?= 16x16
.PHONY: sim sim-all
sim: $(SIM_DIR)/libmea_sim_$(CONFIG).so
sim-all: $(SIM_CONFIGS:%=$(SIM_DIR)/libmea_sim_%.so)

ALL_TARGETS += $(SIM_DIR)/libmea_sim_16x16.so

include hw/formal.mk
include hw/synth.mk

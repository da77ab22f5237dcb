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
# hw/configs has them, in lines of name, use and parameters.
CONFIG_ROWS := $(shell sed -n 's/^\([a-z0-9]*\) *\([a-z0-9]*\) *\([A-Z].*\)/\1:\2:\3/p' hw/configs)
configs_for = $(foreach r,$(CONFIG_ROWS),$(if $(filter $(1),$(word 2,$(subst :, ,$(r)))),$(firstword $(subst :, ,$(r)))))
unique = $(if $(1),$(firstword $(1)) $(call unique,$(filter-out $(firstword $(1)),$(1))))
SIM_CONFIGS := $(call configs_for,check)
FPGA_CONFIGS := $(call unique,$(call configs_for,ecp5 xc7 vivado))
# Not in `make check`.
SIM_MORE := $(call configs_for,more) $(FPGA_CONFIGS)
SIM_ALL := $(SIM_CONFIGS) $(SIM_MORE) $(call configs_for,driver)
sim_params = -G$(subst $(comma), -G,$(word 3,$(subst :, ,$(firstword $(filter $(1):%,$(CONFIG_ROWS))))))
$(foreach c,$(SIM_ALL),$(eval SIM_PARAMS_$(c) := $(call sim_params,$(c))))

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

# $(1) configuration, $(2) what its name ends with: "", "-trace", "-cover" or "-collide",
# $(3) more Verilator flags
define sim_rule
# (Verilator leaves files alone that would not change.)
$(SIM_DIR)/$(1)$(2)/Vmea_accel.mk: $(RTL_SRCS) hw/rtl/waivers.vlt hw/sim/public.vlt hw/isa/mea_isa.vh hw/configs
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  VERILATE $(1)$(2)")
	$$(Q)$(VERILATOR) $(SIM_FLAGS) $(3) $(SIM_PARAMS_$(1)) --Mdir $$(@D) -y $(RTL_DIR) $(RTL_DIR)/mea_accel.v
	$$(Q)touch $$@

$(SIM_DIR)/libmea_sim_$(1)$(2).so: $(SIM_DIR)/$(1)$(2)/Vmea_accel.mk hw/sim/shim.cpp hw/sim/engines.h hw/sim/shim.h hw/sim/mea_sim.h hw/isa/mea_isa.h
	$$(if $$(V),,@echo "  CXX     $$@")
	$$(Q)MAKEFLAGS= make -s -C $(SIM_DIR)/$(1)$(2) -f Vmea_accel.mk OPT_FAST="$(if $(filter -cover,$(2)),-O1,$(SIM_OPT))" OPT_SLOW=$(if $(filter -cover,$(2)),-O0,-O1) \
		OPT_GLOBAL="$(SIM_OPT)" CXX="$(CXX)" CXXFLAGS="-fPIC -fvisibility=hidden" \
		Vmea_accel__ALL.a verilated.o verilated_threads.o $(if $(filter -trace,$(2)),verilated_fst_c.o) $(if $(filter -cover,$(2)),verilated_cov.o) >/dev/null
	$$(Q)$(CXX) -std=c++17 $(SIM_OPT) -fPIC -shared -fvisibility=hidden -Wall -Wextra $$(if $$(WERROR),-Werror) \
		-DMEA_SIM_CONFIG='"$(1)$(2)"' -DMEA_SIM_AXI_DW=$$(subst -GAXI_DW=,,$$(filter -GAXI_DW=%,$$(SIM_PARAMS_$(1)))) \
		-DMEA_SIM_DW=$$(if $$(filter -GDW_TAPS=0,$$(SIM_PARAMS_$(1))),0,1) \
		-DMEA_SIM_TRACE=$(if $(filter -trace,$(2)),1,0) -DMEA_SIM_COVER=$(if $(filter -cover,$(2)),1,0) -Ihw/sim -Ihw/isa -I$(SIM_DIR)/$(1)$(2) \
		-isystem $$(shell $(VERILATOR) --getenv VERILATOR_ROOT)/include \
		-isystem $$(shell $(VERILATOR) --getenv VERILATOR_ROOT)/include/vltstd \
		-o $$@ hw/sim/shim.cpp $(SIM_DIR)/$(1)$(2)/Vmea_accel__ALL.a \
		$(SIM_DIR)/$(1)$(2)/verilated*.o -lpthread $(if $(filter -trace,$(2)),-lz)
endef
$(foreach c,$(SIM_ALL),$(eval $(call sim_rule,$(c),,)))
$(foreach c,$(SIM_ALL),$(eval $(call sim_rule,$(c),-trace,--trace-fst)))
$(foreach c,$(SIM_ALL),$(eval $(call sim_rule,$(c),-cover,--coverage-line --coverage-toggle --coverage-max-width 64)))
# In this one a RAM's read of the word that is being written gives a wrong word.
$(eval $(call sim_rule,8x8,-collide,+define+MEA_RAM_COLLIDE))

CONFIG ?= 16x16
.PHONY: sim sim-all
sim: $(SIM_DIR)/libmea_sim_$(CONFIG).so
sim-all: $(SIM_CONFIGS:%=$(SIM_DIR)/libmea_sim_%.so)

ALL_TARGETS += $(SIM_DIR)/libmea_sim_16x16.so

include hw/formal.mk
include hw/synth.mk

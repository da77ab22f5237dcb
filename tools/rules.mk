# SPDX-License-Identifier: Apache-2.0
# The `mea` command: a folder for each program, one table in tools/main.c.

# What libraries' parts of the tools need beside RUNTIME_LIBS.
TOOLS_LIBS := -ljpeg -lexif -lmicrohttpd -lgnutls -lsystemd
ROOMS := mea images quantize run bench report serve
TOOLS_SRCS := $(sort $(wildcard $(ROOMS:%=tools/%/*.c)))
TOOLS_OBJS := $(TOOLS_SRCS:%.c=$(B)/%.o)
TRAIN_TOOL_OBJS := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tools/train/train*.c tools/train/eval*.c)))
# Where libmea_mpi.so is, built or installed.
PLUGIN_PATH := -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib/mea'

$(B)/tools/bench/model.o: tools/bench/models.json
$(B)/tools/report/page.o: tools/report/style.css
$(B)/tools/serve/infer_dnnl.o: EXTRA_CFLAGS += -fopenmp
$(TOOLS_OBJS): | $(B)/onnx/onnx.pb-c.h

# For tests, which need a part here and there.
$(B)/libmea_tools.a: $(TOOLS_OBJS)
	$(if $(V),,@echo "  AR      $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/mea: $(B)/tools/main.o $(TRAIN_TOOL_OBJS) $(TOOLS_OBJS) $(B)/libmea_train.a $(B)/libmea.a
	$(call link,$(TRAIN_LIBS) $(MEA_LIBS),$(PLUGIN_PATH))

# Manual pages and completions: what doc/ has by hand, with the rows of options that mea prints.
PAGES := $(patsubst tools/doc/%.1.in,$(B)/man/%.1,$(wildcard tools/doc/*.1.in))
COMPLETIONS := $(B)/completion/mea.bash $(B)/completion/_mea $(B)/completion/mea.fish
BY_ROWS = awk -f tools/doc/common.awk -f $(filter %.awk,$(filter-out %/common.awk,$^))

$(B)/rows: $(B)/mea
	$(Q)$(B)/mea --rows >$@
$(PAGES): $(B)/man/%.1: tools/doc/%.1.in tools/doc/page.awk tools/doc/common.awk $(B)/rows
	@mkdir -p $(@D)
	$(Q)$(BY_ROWS) -v name=$(patsubst mea%,%,$(subst mea-,mea,$*)) $(B)/rows $< >$@
$(COMPLETIONS): tools/doc/common.awk tools/doc/mea.bash.in $(B)/rows
	@mkdir -p $(@D)
	$(Q)$(BY_ROWS) $(B)/rows >$@
$(B)/completion/mea.bash: tools/doc/bash.awk
$(B)/completion/_mea: tools/doc/zsh.awk
$(B)/completion/mea.fish: tools/doc/fish.awk

ALL_TARGETS += $(B)/mea $(PAGES) $(COMPLETIONS)
include tools/train/train.mk
include tools/cosim/cosim.mk
include tools/arm64/arm64.mk

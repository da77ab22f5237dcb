# SPDX-License-Identifier: Apache-2.0
# Synthesis of the named configurations (hw/fpga/configs) with Yosys. SYNTH names
# some, as in `make synth SYNTH=nano-ecp5`; all of them bring hw/README.md up to date.
.PHONY: synth
synth:
	@mkdir -p build/synth
	$(Q)hw/fpga/synth.sh $(SYNTH) | tee build/synth/table.md
	$(Q)$(if $(SYNTH),,sed -i -e '/<!-- synth table -->/r build/synth/table.md' \
		-e '/<!-- synth table -->/$(comma)/<!-- end of synth table -->/{/^<!--/!d}' hw/README.md)

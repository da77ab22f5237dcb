# SPDX-License-Identifier: Apache-2.0
# Proofs by k-induction (yosys-smtbmc, z3) and the check that they can fail; see
# hw/formal/README.md. JOBS=2 proves two at a time, PROOFS names some.
.PHONY: formal
formal: ## proofs of the RTL
	$(Q)hw/formal/prove.sh $(PROOFS)

# Faults planted in copies of the RTL, each of which must fail its proof.
.PHONY: formal-mutants
formal-mutants: ## faults that the proofs must find
	$(Q)hw/formal/mutants.sh

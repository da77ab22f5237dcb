# SPDX-License-Identifier: Apache-2.0
# Tests and measurements of the offload that are not part of `make check`.
#
#   make check-cloud faults in network namespaces with the strict limit of 20 ms; HAProxy
#   make check-interop the public Triton client; KServe and MLServer as clouds (needs python3 and its packages)
#   make bench-cloud   overhead beside nginx, 1,000 connections, 60 s at 80 % of the capacity; answers in
#                      time at 0.5 to 50 times of it; a good client beside bad ones
#   make bench-link    answers in time over slow links
#   make fuzz-http   the request and response parsers under libFuzzer, FUZZ_SECONDS each

# The parsers, with the sanitizers of the fuzzing build.
FUZZ_HTTP_SRCS := $(patsubst %,runtime/offload/%.c,oip_json oip_image oip_png) \
	$(patsubst %,tools/serve/%.c,oip_request oip_response path request_png) runtime/graph/tensor.c $(wildcard runtime/base/*.c)
FUZZ_HTTP_OBJS := $(FUZZ_HTTP_SRCS:%.c=build/fuzz/%.o)

build/fuzz/fuzz_http_%: build/fuzz/tests/fuzz/fuzz_http_%.o $(FUZZ_HTTP_OBJS)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson -lpng -lm

.PHONY: fuzz-http
fuzz-http: build/fuzz/fuzz_http_request build/fuzz/fuzz_http_response ## the HTTP parsers under libFuzzer
	@for what in request response; do \
		mkdir -p build/fuzz/http_$$what; \
		build/fuzz/fuzz_http_$$what -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
			-max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -artifact_prefix=build/fuzz/ \
			build/fuzz/http_$$what tests/fuzz/http_seeds/$$what || exit 1; \
	done

# tests/cloud/*.c: programs of these tests.
CLOUD_BINS := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/cloud/*.c)))
$(CLOUD_BINS): EXTRA_CFLAGS += -I.
$(CLOUD_BINS): %: %.o $(B)/libmea_tools.a $(B)/libmea.a
	$(call link,$(MEA_LIBS))

# A busy machine may be late: in `make check` the limit is generous, and the long part left out.
CHECK_SCRIPTS += tests/cloud/faults.sh
check-programs: $(CLOUD_BINS)
check: export GRACE_MS = 1000
check: export QUICK = 1

.PHONY: check-cloud
check-cloud: $(B)/mea $(CLOUD_BINS) ## bad networks, HAProxy
	@MEA=$(B)/mea tests/run.sh tests/cloud/faults.sh tests/cloud/haproxy.sh

# Measurements; the machine should have nothing else to do.
.PHONY: bench-cloud
bench-cloud: $(B)/mea $(BENCH_BINS) ## overhead, 1,000 connections, a minute of load, answers in time under overload
	@tests/bench/cloud.sh $(B)
	@tests/bench/cloud_goodput.sh $(B)

.PHONY: bench-link
bench-link: $(B)/mea $(CLOUD_BINS) $(BENCH_BINS) ## answers in time over slow links, at loads up to 50 times what they carry
	@tests/bench/link.sh $(B)

# With programs of others, from Python's package index, pinned, under build/interop.
.PHONY: check-interop
check-interop: $(B)/mea $(B)/tests/e2e/helper ## other programs as client and as cloud
	@MEA=$(B)/mea tests/run.sh tests/cloud/interop.sh

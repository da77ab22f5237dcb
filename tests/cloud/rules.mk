# SPDX-License-Identifier: Apache-2.0
# Tests and measurements of runtime/cloud that are not part of `make check`.
#
#   make fuzz-http   the request and response parsers under libFuzzer, FUZZ_SECONDS each

# The parsers, with the sanitizers of the fuzzing build.
FUZZ_HTTP_SRCS := runtime/cloud/oip_json.c runtime/cloud/oip_request.c runtime/cloud/oip_response.c \
	runtime/cloud/oip_image.c runtime/cloud/path.c runtime/graph/tensor.c runtime/error.c
FUZZ_HTTP_OBJS := $(FUZZ_HTTP_SRCS:%.c=build/fuzz/%.o)

build/fuzz/fuzz_http_%: build/fuzz/tests/fuzz/fuzz_http_%.o $(FUZZ_HTTP_OBJS)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson -lm

.PHONY: fuzz-http
fuzz-http: build/fuzz/fuzz_http_request build/fuzz/fuzz_http_response
	@for what in request response; do \
		mkdir -p build/fuzz/http_$$what; \
		build/fuzz/fuzz_http_$$what -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
			-max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -artifact_prefix=build/fuzz/ \
			build/fuzz/http_$$what tests/fuzz/http_seeds/$$what || exit 1; \
	done

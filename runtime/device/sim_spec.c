// SPDX-License-Identifier: Apache-2.0
#include "device/sim_spec.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LATENCY = MEA_SIM_FATES, STALL, SEED };

/* Options with a number; the first ones are fates. */
static const struct {
	const char *name;
	uint64_t max;
} numbers[] = {
	[MEA_SIM_FAULT] = {"fault", UINT32_MAX},
	[MEA_SIM_HANG] = {"hang", UINT32_MAX},
	[MEA_SIM_VANISH] = {"vanish", UINT32_MAX},
	[LATENCY] = {"latency", 10000},
	[STALL] = {"stall", 90},
	[SEED] = {"seed", UINT64_MAX},
};

static int parse_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	return errno || end == text || *end || *text == '-' || *out > max ? -1 : 0;
}

static void take(struct mea_sim_spec *s, int what, uint64_t n)
{
	if (what == LATENCY) {
		s->opt.latency = (uint32_t)n;
	} else if (what == STALL) {
		s->opt.stall_percent = (uint32_t)n;
	} else if (what == SEED) {
		s->opt.seed = n;
	} else {
		s->fate = (enum mea_sim_fate)what;
		s->fate_at = n;
	}
}

int mea_sim_spec_parse(char *text, struct mea_sim_spec *out)
{
	char *save = NULL;

	for (char *t = strtok_r(text, ",", &save); t; t = strtok_r(NULL, ",", &save)) {
		char *value = strchr(t, '=');
		int what = SEED;
		uint64_t n;

		if (!value) {
			out->config = t;
			continue;
		}
		*value++ = 0;
		if (!strcmp(t, "trace")) {
			out->opt.trace = value;
			continue;
		}
		while (what > 0 && strcmp(numbers[what].name, t))
			what--;
		if (!what)
			return mea_fail(MEA_EINVAL,
					"device sim: option %s=%s: unknown; known are latency, "
					"stall, seed, trace, fault, hang, vanish",
					t, value);
		if (parse_number(value, numbers[what].max, &n))
			return mea_fail(MEA_EINVAL,
					"device sim: option %s=%s: not a number in range", t,
					value);
		take(out, what, n);
	}
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "device/device.h"

#include <string.h>

#include "error.h"

static const struct mea_device_ops *const devices[] = {&mea_device_sim};

int mea_device_open(const char *spec, struct mea_device **out)
{
	size_t n = strcspn(spec, ":");

	if (!*spec || !strcmp(spec, "auto"))
		return devices[0]->open("", out);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (strlen(devices[i]->name) == n && !strncmp(devices[i]->name, spec, n))
			return devices[i]->open(spec[n] ? spec + n + 1 : "", out);
	return mea_fail(MEA_EINVAL, "device %s: unknown; known are auto and sim[:CONFIG]", spec);
}

const char *mea_fault_name(uint32_t cause)
{
	static const char *const name[] = {
#define CONST(n, v, t)
#define REG(n, o, a, t)
#define BANKREG(n, o, a, t)
#define BITS(r, n, l, w, t)
#define FIELD(c, n, wd, l, w, t)
#define OPCODE(n, v, t)
#define STATE(n, v, t)
#define COUNTER(n, v, t)
#define RECORD(n, v, t)
#define FAULT(n, v, t) [v] = #n,
#include "isa.def"
	};

	return cause < sizeof(name) / sizeof(name[0]) && name[cause] ? name[cause] : "unknown";
}

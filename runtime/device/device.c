// SPDX-License-Identifier: Apache-2.0
#include "device/device.h"

#include <string.h>

#include "base/error.h"

static const struct mea_device_ops *const devices[] = {&mea_device_drm, &mea_device_sim};

int mea_device_open(const char *spec, struct mea_device **out)
{
	size_t n = strcspn(spec, ":");

	if (!*spec || !strcmp(spec, "auto")) {
		for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
			if (devices[i]->open("", out) == 0)
				return 0;
		/* The message is the simulator's; that no board is here is no news. */
		return MEA_ENODEV;
	}
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (strlen(devices[i]->name) == n && !strncmp(devices[i]->name, spec, n))
			return devices[i]->open(spec[n] ? spec + n + 1 : "", out);
	return mea_fail(MEA_EINVAL,
			"device %s: unknown; known are auto, drm[:NODE] and sim[:CONFIG]", spec);
}

void mea_hw_from_config(struct mea_hw *hw, const uint32_t c[6])
{
	hw->rows = (int)((c[0] & MEA_CONFIG0_ROWS_MASK) >> MEA_CONFIG0_ROWS_SHIFT);
	hw->cols = (int)((c[0] & MEA_CONFIG0_COLS_MASK) >> MEA_CONFIG0_COLS_SHIFT);
	hw->lanes = hw->rows > hw->cols ? hw->rows : hw->cols;
	hw->axi_bytes = (int)((c[0] & MEA_CONFIG0_AXI_BYTES_MASK) >> MEA_CONFIG0_AXI_BYTES_SHIFT);
	hw->act_words = (int)c[1];
	hw->wgt_words = (int)c[2];
	hw->acc_depth = (int)((c[3] & MEA_CONFIG3_ACC_DEPTH_MASK) >> MEA_CONFIG3_ACC_DEPTH_SHIFT);
	hw->stem_words =
		(int)((c[3] & MEA_CONFIG3_STEM_WORDS_MASK) >> MEA_CONFIG3_STEM_WORDS_SHIFT);
	hw->latency = (int)((c[4] & MEA_CONFIG4_LATENCY_MASK) >> MEA_CONFIG4_LATENCY_SHIFT);
	hw->dw_taps = (int)((c[4] & MEA_CONFIG4_DW_TAPS_MASK) >> MEA_CONFIG4_DW_TAPS_SHIFT);
	hw->dw_line = (int)((c[4] & MEA_CONFIG4_DW_LINE_MASK) >> MEA_CONFIG4_DW_LINE_SHIFT);
	hw->tables = (int)((c[5] & MEA_CONFIG5_TABLES_MASK) >> MEA_CONFIG5_TABLES_SHIFT);
	hw->products = c[5] & MEA_CONFIG5_PRODUCTS_MASK;
	hw->act_banks = (int)((c[4] & MEA_CONFIG4_ACT_BANKS_MASK) >> MEA_CONFIG4_ACT_BANKS_SHIFT);
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

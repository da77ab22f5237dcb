// SPDX-License-Identifier: Apache-2.0
/* Reading a plan's commands back. */
#include "plan/internal.h"

/* Bytes of a word of a LOAD's destination. */
static uint64_t word_bytes(const struct mea_hw *hw, uint32_t dest)
{
	switch (dest) {
	case MEA_DEST_ACT:
		return (uint64_t)hw->lanes;
	case MEA_DEST_WGT:
		return 2 * (uint64_t)hw->cols;
	case MEA_DEST_STEM:
		return 8;
	default:
		return 4;
	}
}

/* A row takes whole beats. */
static uint64_t bus_bytes(const struct mea_hw *hw, uint64_t rows, uint64_t row_bytes)
{
	uint64_t beat = (uint64_t)hw->axi_bytes;

	return rows * ((row_bytes + beat - 1) / beat * beat);
}

void mea_command_decode(const struct mea_hw *hw, const uint32_t cmd[16], struct mea_command *out)
{
	static const char *const loads[] = {"load activations", "load weights", "load image",
					    "load table"};
	uint32_t dest = mea_get(cmd, MEA_F_LOAD_DEST);

	*out = (struct mea_command){.what = "unknown", .layer = (int)mea_get(cmd, MEA_F_CMD_LAYER)};
	switch (mea_get(cmd, MEA_F_CMD_OPCODE)) {
	case MEA_OP_LOAD:
		out->what = loads[dest];
		out->bus_bytes =
			bus_bytes(hw, mea_get(cmd, MEA_F_LOAD_ROWS),
				  mea_get(cmd, MEA_F_LOAD_ROW_WORDS) * word_bytes(hw, dest));
		break;
	case MEA_OP_STORE:
		out->what = "store";
		out->bus_bytes =
			bus_bytes(hw, mea_get(cmd, MEA_F_STORE_ROWS),
				  mea_get(cmd, MEA_F_STORE_ROW_WORDS) * (uint64_t)hw->lanes);
		break;
	case MEA_OP_CONV:
		out->what = "convolve";
		break;
	case MEA_OP_POOL:
		out->what = mea_get(cmd, MEA_F_CONV_PRODUCT) ? "multiply" : "pool";
		break;
	case MEA_OP_DEPTHWISE:
		out->what = "depthwise";
		break;
	case MEA_OP_SNAP:
		out->what = "record";
		break;
	}
}

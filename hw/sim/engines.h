/* SPDX-License-Identifier: Apache-2.0 */
/* For mea_sim_engines(): looks at the design once a cycle, by the signals that public.vlt names. */
#ifndef MEA_SIM_ENGINES_H
#define MEA_SIM_ENGINES_H

#include "mea_sim.h"

#include "Vmea_accel.h"
#include "Vmea_accel___024root.h"

struct Engines {
	mea_sim_engine_fn *fn = nullptr;
	void *arg = nullptr;

	/* In the cycle that ends with the next clock edge. */
	void look(const Vmea_accel___024root *r)
	{
		uint32_t cycle_class = r->mea_accel__DOT__class_now;

		if (r->mea_accel__DOT__job_start) {
			notice = {};
			class_was = 0;
			tell(MEA_SIM_JOB, 0, 0);
			return;
		}
		if (!r->mea_accel__DOT__busy)
			return;
		notice.dw_cycles += r->mea_accel__DOT__dw_mac;
		if (cycle_class && cycle_class != class_was)
			tell(MEA_SIM_CLASS, 0, uint32_t(__builtin_ctz(cycle_class)));
		class_was = cycle_class;
		ends(r);
		begins(r);
		notice.cycle++;
	}

      private:
	mea_sim_notice notice = {}; /* of the job that runs */
	uint32_t class_was = 0;

	void tell(mea_sim_event event, unsigned queue, uint32_t index)
	{
		notice.event = event;
		notice.queue = queue;
		notice.index = index;
		fn(arg, &notice);
	}

	void ends(const Vmea_accel___024root *r)
	{
		if (r->mea_accel__DOT__load__DOT__load_end)
			tell(MEA_SIM_END, 0, r->mea_accel__DOT__load__DOT__load_index);
		if (r->mea_accel__DOT__compute__DOT__retire)
			tell(MEA_SIM_END, 1, r->mea_accel__DOT__compute__DOT__give_index);
		if (r->mea_accel__DOT__store__DOT__finished &&
		    !r->mea_accel__DOT__store__DOT__record_final)
			tell(MEA_SIM_END, 2, r->mea_accel__DOT__store__DOT__index);
#if MEA_SIM_DW
		if (r->mea_accel__DOT__g_dw__DOT__depthwise__DOT__retire)
			tell(MEA_SIM_END, 3, r->mea_accel__DOT__g_dw__DOT__depthwise__DOT__index);
#endif
	}

	void begins(const Vmea_accel___024root *r)
	{
		if (r->mea_accel__DOT__load__DOT__accept)
			tell(MEA_SIM_BEGIN, 0, r->mea_accel__DOT__load__DOT__head_index);
		if (r->mea_accel__DOT__compute__DOT__accept)
			tell(MEA_SIM_BEGIN, 1, r->mea_accel__DOT__compute__DOT__head_index);
		if (r->mea_accel__DOT__store__DOT__accept)
			tell(MEA_SIM_BEGIN, 2, r->mea_accel__DOT__store__DOT__head_index);
#if MEA_SIM_DW
		if (r->mea_accel__DOT__g_dw__DOT__depthwise__DOT__accept)
			tell(MEA_SIM_BEGIN, 3,
			     r->mea_accel__DOT__g_dw__DOT__depthwise__DOT__head_index);
#endif
	}
};

#endif

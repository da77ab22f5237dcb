// SPDX-License-Identifier: Apache-2.0
#include "figures.h"

#include <math.h>

void mea_figures_add(struct mea_figures *f, const struct mea_bundle *b,
		     const struct mea_opinion *main, const struct mea_opinion *extension, int label)
{
	bool hard = b->hard_index[label] >= 0;
	struct mea_result r = {0};

	if (mea_after_main(b, main, "not asked", &r) == MEA_STEP_EXTENSION && extension)
		mea_after_extension(b, extension, &r);
	f->images++;
	f->main_right += main->label == label;
	f->cascade_right += r.label == label;
	f->at_main += r.exit == MEA_EXIT_MAIN;
	f->detected += hard == (b->hard_index[main->label] >= 0);
	f->complex += r.complex;
	if (!hard)
		return;
	f->hard_images++;
	f->main_right_on_hard += main->label == label;
	if (extension)
		f->extension_right_on_hard += b->hard[extension->label] == label;
}

static json_t *percent(size_t part, size_t whole)
{
	if (!whole)
		return json_null();
	return json_real(round(1e4 * (double)part / (double)whole) / 100);
}

json_t *mea_figures_json(const struct mea_figures *f, const char *data)
{
	return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "data", data, "images",
			 (json_int_t)f->images, "main", percent(f->main_right, f->images),
			 "cascade", percent(f->cascade_right, f->images), "main_on_hard",
			 percent(f->main_right_on_hard, f->hard_images), "extension_on_hard",
			 percent(f->extension_right_on_hard, f->hard_images), "detection",
			 percent(f->detected, f->images), "leave_at_main",
			 percent(f->at_main, f->images));
}

// SPDX-License-Identifier: Apache-2.0
/* What a server that is not ours may say: model metadata, and the answer to an image. The first
 * two bytes choose which, and where the JSON ends. */
#include "offload/oip.h"

#include <math.h>
#include <stdlib.h>

#define CLASSES 5

static void metadata(const uint8_t *data, size_t size, bool binary)
{
	static const struct mea_oip_item item = {MEA_U8, 4, 4, 3};
	struct mea_oip_target t;
	json_t *doc = mea_oip_json(data, size, "metadata");
	uint8_t image[4 * 4 * 3] = {0};
	long long json;
	size_t n;
	void *body;

	if (doc && mea_oip_target_parse(doc, &item, CLASSES, binary, &t) == 0)
		for (int form = MEA_FORM_RAW; form <= MEA_FORM_JSON; form++) {
			t.form = (enum mea_oip_form)form;
			if (mea_oip_ask(&t, image, sizeof(image), 1000, &body, &n, &json) == 0)
				free(body);
		}
	json_decref(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mea_oip_target t = {.output = "logits", .classes = CLASSES};
	float logits[CLASSES];
	long long json;

	if (size < 2)
		return 0;
	json = data[0] & 2 ? MEA_OIP_ALL_JSON : (long long)data[1];
	if (data[0] & 1)
		metadata(data + 2, size - 2, data[0] & 2);
	else if (mea_oip_answer(&t, data + 2, size - 2, json, logits) == 0)
		for (int i = 0; i < CLASSES; i++)
			if (!isfinite(logits[i]))
				abort();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `mea info`: what its files share. Each part is a JSON object first, from which
 * the text is printed, so that both always say the same. */
#ifndef MEA_TOOL_INFO_H
#define MEA_TOOL_INFO_H

#include <jansson.h>

#include "backend/registry.h"
#include "graph/graph.h"
#include "meanet/model.h"

/* The backends of a list, opened where that works. */
struct backends {
	struct mea_choice choice[MEA_CHOICES_MAX];
	struct mea_backend *open[MEA_CHOICES_MAX];
	char why[MEA_CHOICES_MAX][256]; /* why it is not open */
	int n;
};

int backends_open(struct backends *bs, const char *list, const char *device);
void backends_close(struct backends *bs);

/* [{name, available, text}] */
json_t *info_backends(const struct backends *bs);

/* Who answers, as a session chooses: the first backend that takes all networks of nets, or
 * does so with help in what it refuses. Both NULL when none does; help NULL when none is needed. */
struct answering {
	struct mea_backend *backend, *help;
};
struct answering backends_answering(const struct backends *bs, const struct mea_qnet *const *nets,
				    int n);

/* {inputs, outputs, macs, weight_bytes, backend, layers: [...]} */
json_t *info_qnet(const struct backends *bs, const struct mea_qnet *net, struct answering who);

/* The same for a float graph; its operations do not run on a backend. */
json_t *info_graph(const struct mea_graph *g);

/* Prints what info_qnet() or info_graph() gave, to a width. Returns 0 or MEA_ENOMEM. */
int info_print_net(const char *title, json_t *net, int width);

#endif

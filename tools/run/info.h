/* SPDX-License-Identifier: Apache-2.0 */
/* `mea info`: what its files share. Each part is a JSON object first, from which
 * the text is printed, so that both always say the same. */
#ifndef MEA_TOOL_INFO_H
#define MEA_TOOL_INFO_H

#include <jansson.h>

#include "backend/registry.h"
#include "graph/graph.h"
#include "meanet/prepared.h"

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

/* Who answers: the first backend of the list that a session could open with the model, be it with
 * help in what it refuses. */
struct answering {
	const char *name;		/* NULL: nobody */
	const char **where[2];		/* by network and layer: the backend that computes it */
	int passed_over;		/* how many backends of the list stand before it */
	char why[MEA_CHOICES_MAX][512]; /* why each of these does not answer */
};
/* Prepares the model as a session does, to see. A device may be there once alone, so the backends
 * are closed meanwhile. Returns 0 or MEA_ENOMEM; who is for answering_free() in any case. */
int answering_find(struct backends *bs, const struct mea_model *m, struct answering *who);
void answering_free(struct answering *who);

/* {inputs, outputs, macs, weight_bytes, backend, refused_by, layers: [...]} of a network of the
 * model */
json_t *info_qnet(const struct backends *bs, const struct mea_qnet *net, enum mea_net which,
		  const struct answering *who);

/* The same for a float graph; its operations do not run on a backend. */
json_t *info_graph(const struct mea_graph *g);

/* Prints, as Markdown, the operations that are read and the layers that each backend takes. */
void info_operations(const struct backends *bs);

/* Prints what info_qnet() or info_graph() gave, to a width. Returns 0 or MEA_ENOMEM. */
int info_print_net(const char *title, json_t *net, int width);

#endif

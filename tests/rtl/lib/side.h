/* SPDX-License-Identifier: Apache-2.0 */
/* A network on one backend, run once, for programs that compare two backends and print TAP. */
#ifndef MEA_TEST_SIDE_H
#define MEA_TEST_SIDE_H

#include "backend/backend.h"

#define SIDE_ENDS 4

struct side {
	const struct mea_backend_ops *ops; /* set by the caller */
	struct mea_backend *b;
	struct mea_exec *e;
	struct mea_buf *in[SIDE_ENDS], *out[SIDE_ENDS];
	struct mea_run_stats stats;
	double seconds; /* of processor time */
};

/* Ends the program with a TAP bail-out that says what the library's last failed call said. */
_Noreturn void side_die(const char *what);

/* Random values of the net's inputs, NHWC; the caller frees each. */
void side_inputs(const struct mea_qnet *net, int8_t *input[SIDE_ENDS]);

/* Ends the program when it fails. */
void side_run(struct side *s, const char *device, const struct mea_qnet *net, int8_t *const *input);
void side_close(struct side *s);

/* Elements of output i that differ between the two; *values: how many different ones there are. */
size_t side_differ(const struct mea_qnet *net, int i, struct side *a, struct side *b,
		   size_t *values);

#endif

// SPDX-License-Identifier: Apache-2.0
#include "side.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "random_net.h"

void side_die(const char *what)
{
	printf("Bail out! %s: %s\n", what, mea_errmsg());
	exit(1);
}

static double processor_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void side_inputs(const struct mea_qnet *net, int8_t *input[SIDE_ENDS])
{
	for (int i = 0; i < net->n_inputs; i++) {
		size_t n = random_elements(&net->tensors[net->inputs[i]]);

		input[i] = random_alloc(n);
		for (size_t k = 0; k < n; k++)
			input[i][k] = (int8_t)random_bits();
	}
}

void side_run(struct side *s, const char *device, const struct mea_qnet *net, int8_t *const *input)
{
	struct mea_job *job;
	double start;

	if (s->ops->open(device, &s->b) < 0 || s->ops->prepare(s->b, net, &s->e) < 0)
		side_die(device);
	for (int i = 0; i < net->n_inputs; i++)
		if (s->ops->buf_alloc(s->e, true, i, &s->in[i]) < 0 ||
		    s->ops->buf_write(s->in[i], input[i]) < 0)
			side_die("input");
	for (int i = 0; i < net->n_outputs; i++)
		if (s->ops->buf_alloc(s->e, false, i, &s->out[i]) < 0)
			side_die("output");
	start = processor_seconds();
	if (s->ops->submit(s->e, s->in, s->out, &job) < 0 || s->ops->wait(job, -1, &s->stats) < 0)
		side_die("job");
	s->seconds = processor_seconds() - start;
}

void side_close(struct side *s)
{
	for (int i = 0; i < SIDE_ENDS; i++) {
		s->ops->buf_free(s->in[i]);
		s->ops->buf_free(s->out[i]);
	}
	s->ops->release(s->e);
	s->ops->close(s->b);
}

size_t side_differ(const struct mea_qnet *net, int i, struct side *a, struct side *b,
		   size_t *values)
{
	size_t n = random_elements(&net->tensors[net->outputs[i]]), differ = 0;
	int8_t *x = random_alloc(n), *y = random_alloc(n);
	bool seen[256] = {false};

	if (a->ops->buf_read(a->out[i], x) < 0 || b->ops->buf_read(b->out[i], y) < 0)
		side_die("output");
	*values = 0;
	for (size_t k = 0; k < n; k++) {
		differ += x[k] != y[k];
		*values += !seen[(uint8_t)y[k]];
		seen[(uint8_t)y[k]] = true;
	}
	free(x);
	free(y);
	return differ;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * mea info --operations: what ONNX operations are read, with which attributes, and which layers of
 * an int8 network each backend takes, within which limits. All of it is asked of the code: the rows
 * of the operations, and refuses() of the backends on layers made for it.
 */
#include "info.h"
#include "mea/table.h"

/* Behind info.h: op.h has a macro by the name of a variant of a bundle. */
#include "graph/op.h"

#include <stddef.h>
#include <stdio.h>

#define WIDTH 110

/* --- operations -------------------------------------------------------------- */

static const char *form(const struct mea_op_row *row)
{
	static const char *const forms[] = {
		[MEA_QUANT_NONE] = "-",
		[MEA_QUANT_OWN] = "layer",
		[MEA_QUANT_SUM] = "layer, or table with a constant",
		[MEA_QUANT_TABLE] = "table",
		[MEA_QUANT_GATE] = "layer; table with a constant or as x * f(x)",
		[MEA_QUANT_WEIGHTS] = "layer with constant weights",
		[MEA_QUANT_CLAMP] = "clamp of the layer before",
		[MEA_QUANT_SELECT] = "layer",
		[MEA_QUANT_MOVE] = "moves bytes",
	};

	return forms[row->quant];
}

/* An attribute with the values that mea takes, where they are not all that its type has. */
static size_t put_attribute(const struct mea_attr *a, char *text, size_t size)
{
	size_t n = (size_t)snprintf(text, size, "%s", a->name);

	if (a->kind == MEA_ATTR_FIXED)
		n += (size_t)snprintf(text + n, size - n, " = %lld", (long long)a->lo);
	else if (a->kind == MEA_ATTR_PAIR || a->kind == MEA_ATTR_PADS ||
		 (a->kind == MEA_ATTR_INT && a->hi < MEA_SIDE_MAX))
		n += (size_t)snprintf(text + n, size - n, " %lld..%lld", (long long)a->lo,
				      (long long)a->hi);
	else if (a->kind == MEA_ATTR_IGNORE)
		n += (size_t)snprintf(text + n, size - n, " (no effect)");
	for (int i = 0; a->kind == MEA_ATTR_CHOICE && a->choices[i]; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? "|" : " ", a->choices[i]);
	return n;
}

static void print_operations(void)
{
	puts("## ONNX operations\n\n| operation | since opset | in int8 |\n|---|---|---|");
	for (int op = 0; op < MEA_OP_COUNT; op++)
		printf("| %s | %d | %s |\n", mea_op_name((enum mea_op)op),
		       mea_op_row((enum mea_op)op)->since, form(mea_op_row((enum mea_op)op)));
	puts("\n## Attributes\n\nWith the values that are taken, where these are not all that ONNX "
	     "has.\n");
	for (int op = 0; op < MEA_OP_COUNT; op++) {
		const struct mea_attr *a = mea_op_row((enum mea_op)op)->attrs;
		char text[1024];
		size_t n = 0;

		for (; a->name && n < sizeof(text) - 200; a++) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, n ? "; " : "");
			n += put_attribute(a, text + n, sizeof(text) - n);
		}
		if (n)
			text_print(WIDTH, 2, "- %s: %s", mea_op_name((enum mea_op)op), text);
	}
}

/* --- layers ------------------------------------------------------------------ */

/* A layer to ask about; side: of its square input. */
struct probe {
	const char *name;
	enum mea_qop op;
	int channels, groups, kernel, stride, side;
	bool two, each, exclude_pad; /* two inputs; tables of each channel */
};

static const struct probe probes[] = {
	{"convolution", MEA_Q_CONV, 32, 1, 3, 1, 16, .two = false},
	{"convolution + add", MEA_Q_CONV, 32, 1, 3, 1, 16, .two = true},
	{"grouped convolution", MEA_Q_CONV, 32, 4, 3, 1, 16, .two = false},
	{"depthwise convolution", MEA_Q_CONV, 32, 32, 3, 1, 16, .two = false},
	{"average pool", MEA_Q_AVGPOOL, 32, 1, 3, 1, 16, .two = false},
	{"average, inside alone", MEA_Q_AVGPOOL, 32, 1, 3, 1, 16, .exclude_pad = true},
	{"max pool", MEA_Q_MAXPOOL, 32, 1, 3, 1, 16, .two = false},
	{"add", MEA_Q_ADD, 32, 1, 1, 1, 16, .two = true},
	{"concat", MEA_Q_CONCAT, 32, 1, 1, 1, 16, .two = true},
	{"concat behind 24 channels", MEA_Q_CONCAT, 24, 1, 1, 1, 16, .two = true},
	{"product", MEA_Q_MUL, 32, 1, 1, 1, 16, .two = true},
	{"table", MEA_Q_TABLE, 32, 1, 1, 1, 16, .two = false},
	{"table of each channel", MEA_Q_TABLE, 32, 32, 1, 1, 16, .two = false},
};

/* Why b refuses the layer, or NULL. */
static const char *refused(struct mea_backend *b, const struct probe *p)
{
	static char name[] = "probe";
	int out = (p->side - 1) / p->stride + 1, pad = (p->kernel - 1) / 2;
	struct mea_qtensor t[4] = {
		{name, p->channels, p->side, p->side, 1, 0},
		{name, p->channels, p->side, p->side, 1, 0},
		{name, p->op == MEA_Q_CONCAT ? 2 * p->channels : p->channels, out, out, 1, 0},
		{name, 1, 1, 1, 1, 0},
	};
	struct mea_qlayer l = {.op = p->op,
			       .name = name,
			       .in2 = p->two ? 1 : -1,
			       .out = 2,
			       .kh = p->kernel,
			       .kw = p->kernel,
			       .stride_h = p->stride,
			       .stride_w = p->stride,
			       .pad_t = pad,
			       .pad_l = pad,
			       .pad_b = p->kernel - 1 - pad,
			       .pad_r = p->kernel - 1 - pad,
			       .groups = p->groups,
			       .exclude_pad = p->exclude_pad};
	/* What it makes is no output of the network. */
	struct mea_qnet net = {.tensors = t,
			       .n_tensors = 4,
			       .layers = &l,
			       .n_layers = 1,
			       .inputs = {0, 1},
			       .n_inputs = 2,
			       .outputs = {3},
			       .n_outputs = 1};

	/* The text is constant. */
	return b->ops->refuses(b, &net, &l); // cppcheck-suppress returnDanglingLifetime
}

/* The fields whose limits are looked for, and how far. */
static const struct limit {
	const char *name;
	size_t at; /* an int of struct probe */
	int most;
	bool windows; /* only of layers with a window */
} limits[] = {
	{"kernel", offsetof(struct probe, kernel), 1024, true},
	{"stride", offsetof(struct probe, stride), 1024, true},
	{"side", offsetof(struct probe, side), 8192, false},
};

/* The largest value of a field that b takes with all others as they are. */
static int largest(struct mea_backend *b, const struct probe *p, const struct limit *of)
{
	struct probe q = *p;
	int *field = (int *)(void *)((char *)&q + of->at);
	int taken = *field, beyond = of->most + 1;

	while (beyond - taken > 1) {
		*field = taken + (beyond - taken) / 2;
		if (refused(b, &q))
			beyond = *field;
		else
			taken = *field;
	}
	return taken;
}

static void print_cell(struct mea_backend *b, const struct probe *p)
{
	const char *why = refused(b, p), *sep = ": ";

	if (why)
		printf(" %s |", why);
	else
		printf(" yes");
	for (size_t i = 0; !why && i < sizeof(limits) / sizeof(limits[0]); i++) {
		int most;

		if (limits[i].windows && p->kernel == 1)
			continue;
		most = largest(b, p, &limits[i]);
		if (most == limits[i].most)
			continue;
		printf("%s%s 1..%d", sep, limits[i].name, most);
		sep = ", ";
	}
	if (!why)
		printf(" |");
}

static void print_layers(const struct backends *bs)
{
	printf("\n## Layers of an int8 network\n\n"
	       "Asked with 32 channels and a map of 16 x 16. A limit is of one number alone, the "
	       "others "
	       "as\nthey are. Limits over 1,024 (kernel, stride) and 8,192 (side of the map) are "
	       "left out. "
	       "Instead\nof yes stands why the layer is refused.\n\n| layer |");
	for (int i = 0; i < bs->n; i++)
		printf(" %s |", bs->choice[i].ops->name);
	printf("\n|---|");
	for (int i = 0; i < bs->n; i++)
		printf("---|");
	for (size_t k = 0; k < sizeof(probes) / sizeof(probes[0]); k++) {
		printf("\n| %s |", probes[k].name);
		for (int i = 0; i < bs->n; i++) {
			if (bs->open[i])
				print_cell(bs->open[i], &probes[k]);
			else
				printf(" not available |");
		}
	}
	putchar('\n');
}

void info_operations(const struct backends *bs)
{
	puts("# Operations\n\n"
	     "`mea info --operations` prints this page, with the limits of the device in use for "
	     "accel. "
	     "An\noperation that is not here is refused by name. One without an int8 form may "
	     "still be part "
	     "of\na model where its inputs are constants. Shapes are computed, BatchNormalization "
	     "is folded, "
	     "and\nReshape, Transpose, Slice and Split may move whole channels.\n");
	print_operations();
	print_layers(bs);
}

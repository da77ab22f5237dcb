/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operation is a row: all that reader, shape inference, executor, quantiser, lowering and
 * writer know of it. The op_*.c define the rows, mea_op_row_NAME; ops.c makes them one table.
 */
#ifndef MEA_OP_H
#define MEA_OP_H

#include <limits.h>

#include "graph/graph.h"

/* --- attributes ------------------------------------------------------------ */

enum mea_attr_kind {
	MEA_ATTR_INT,	   /* int64_t within lo .. hi */
	MEA_ATTR_BOOL,	   /* bool from 0 or 1 */
	MEA_ATTR_FLOAT,	   /* any finite number */
	MEA_ATTR_PAIR,	   /* two int64_t, y and x */
	MEA_ATTR_PADS,	   /* begin y, begin x, end y, end x */
	MEA_ATTR_AXES,	   /* axes[], n_axes */
	MEA_ATTR_CHOICE,   /* one of the texts in choices; an int, its number */
	MEA_ATTR_ALL_PADS, /* begin of every axis, end of every axis */
	MEA_ATTR_DTYPE,
	MEA_ATTR_SCALAR, /* a tensor of one element: its type in to, itself in fill or start */
	MEA_ATTR_FIXED,	 /* the only value that mea honours is lo */
	MEA_ATTR_IGNORE, /* has no influence on what mea computes */
};

struct mea_attr {
	const char *name;
	enum mea_attr_kind kind;
	size_t at; /* in struct mea_attrs */
	int64_t lo, hi;
	double otherwise; /* its value when it is left out, unless that is 0 */
	const char *choices[5];
	int input_since; /* the opset from which on it is an input; 0: never */
	bool unwritten;
};

#define MEA_SIDE_MAX 65536 /* strides, dilations, pads */
#define MEA_AXIS_MAX 64	   /* any valid axis is within; shape inference says which */

/* A struct mea_attr: name, kind, field of struct mea_attrs, then from lo on. */
#define MEA_ATTR(name, kind, field, ...)                                                           \
	{                                                                                          \
		name, MEA_ATTR_##kind, offsetof(struct mea_attrs, field), __VA_ARGS__              \
	}
#define MEA_ATTR_WITH_AXIS(left) MEA_ATTR("axis", INT, axis, -MEA_AXIS_MAX, MEA_AXIS_MAX, left)
#define MEA_ATTRS_OF_WINDOW(no_dilations)                                                          \
	MEA_ATTR("kernel_shape", PAIR, kernel, 1, 32767),                                          \
		MEA_ATTR("strides", PAIR, stride, 1, MEA_SIDE_MAX, 1),                             \
		MEA_ATTR("dilations", PAIR, dilation, 1, MEA_SIDE_MAX, 1,                          \
			 .unwritten = no_dilations),                                               \
		MEA_ATTR("pads", PADS, pad, 0, MEA_SIDE_MAX),                                      \
		MEA_ATTR("auto_pad", CHOICE, auto_pad, .unwritten = true,                          \
			 .choices = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"})

/* --- a row ----------------------------------------------------------------- */

/* Shape inference of one node. Type and shape of the result start as the first input's. */
struct mea_shaping {
	const struct mea_graph *g;
	struct mea_node *n;
	const struct mea_value *x; /* the first input */
	enum mea_dtype type;
	struct mea_shape out;
};

/* Execution of one node, as mea_eval_node() says. */
struct mea_call {
	const struct mea_node *n;
	const struct mea_tensor *const *in;
	const struct mea_tensor *out;
};

/* How a result is quantised. */
enum mea_quant_rule {
	MEA_QUANT_NONE,	   /* not at all: no int8 form */
	MEA_QUANT_OWN,	   /* with parameters of its own */
	MEA_QUANT_SUM,	   /* so too, of operands of one shape */
	MEA_QUANT_TABLE,   /* so too; each element is a function of the first input's */
	MEA_QUANT_GATE,	   /* so too; a product; of x * f(x), f(x) is not quantised */
	MEA_QUANT_WEIGHTS, /* so too, of one operand, constant weights and maybe a bias */
	MEA_QUANT_CLAMP,   /* so too; the operation before it does it on its way out */
	MEA_QUANT_SELECT,  /* with its operands' parameters */
	MEA_QUANT_MOVE,	   /* so too; a clamp behind it stays apart */
};

struct mea_onnx_reader;
struct mea_lower;
struct mea_closing;

#define MEA_TYPE(t)   (1u << (t))
#define MEA_FLOAT     MEA_TYPE(MEA_F32)
#define MEA_INT8S     (MEA_TYPE(MEA_U8) | MEA_TYPE(MEA_I8))
#define MEA_NUMBERS   (MEA_FLOAT | MEA_INT8S | MEA_TYPE(MEA_I32) | MEA_TYPE(MEA_I64))
#define MEA_ANY_INPUT (~0u)

struct mea_op_row {
	int in[2]; /* fewest and most inputs; the fewest are never left out */
	int since; /* the first opset in which it means what mea computes */
	/* Of the inputs that are never left out; 0: any. */
	unsigned types; /* MEA_TYPE() bits */
	int rank[2];	/* least and greatest */
	unsigned empty; /* a bit for each input that may have no elements */
	struct mea_attr attrs[9];
	/* Each output is a node of its own, whose attributes start and end are its number and their
	 * count. */
	bool parts;
	/* After the attributes were read: moves constant inputs to where attributes are. */
	int (*read)(const struct mea_onnx_reader *r, struct mea_node *n);
	/* NULL: the result looks like the first input. Fails without naming the node. */
	int (*shape)(struct mea_shaping *s);
	int (*eval)(const struct mea_call *c);
	/* Elementary steps for one element of the result; NULL: about one. */
	uint64_t (*steps)(const struct mea_graph *g, const struct mea_node *n);
	bool multiplies; /* steps are multiply-accumulates */
	enum mea_quant_rule quant;
	/* Adds the layers for a closing; NULL: no integer form. Returns 0 or a negative error. */
	int (*lower)(struct mea_lower *l, const struct mea_closing *c);
	/* Why n cannot be written, or NULL. */
	const char *(*unwritable)(const struct mea_node *n);
};

/* Defines the row of an operation; what is not given is 0. */
#define MEA_OP(name, ...)    const struct mea_op_row mea_op_row_##name = {__VA_ARGS__}
#define MEA_OP_DECLARE(name) extern const struct mea_op_row mea_op_row_##name;
MEA_OP_MAP(MEA_OP_DECLARE)

const struct mea_op_row *mea_op_row(enum mea_op op);

/* --- shared by rows -------------------------------------------------------- */

/* Below *lo and above *hi an activation's result changes by less than 0.003, or 0.03 %; where n has
 * no such end, or is no activation, these are infinite. (op_act.c) */
void mea_activation_ends(const struct mea_node *n, float *lo, float *hi);

/* axis counted from the front, or a negative error when it is out of range. */
int mea_axis(int64_t axis, int rank);
/* NumPy's broadcasting of two shapes; false when they do not fit. out may be one of them. */
bool mea_broadcast(const struct mea_shape *a, const struct mea_shape *b, struct mea_shape *out);
/* Fail when v is none of these types, or has other than lo to hi dimensions. */
int mea_want_type(const struct mea_value *v, unsigned types);
int mea_want_rank(const struct mea_value *v, int lo, int hi);
/* Positions of n's window along height and width of x into dim[2]; resolves auto_pad. */
int mea_window(struct mea_node *n, const struct mea_shape *x, int64_t *dim);
/* Fills y with elements of x from number from on; step[d]: how far a step along d of y moves. */
void mea_copy_steps(const struct mea_tensor *x, const struct mea_tensor *y, ptrdiff_t from,
		    const ptrdiff_t *step);
/* Marks the node's axes among rank dimensions. */
int mea_mark_axes(const struct mea_node *n, int rank, bool marked[MEA_RANK_MAX]);
/* Moves a constant input 1 into axes. */
int mea_read_axes(const struct mea_onnx_reader *r, struct mea_node *n);
/* Pad's list (all begins, then all ends, of count / 2 axes) into a->pad. Only the
 * spatial axes of NCHW can be padded; anything else is MEA_EUNSUPPORTED. */
int mea_read_pads(struct mea_attrs *a, const int64_t *list, size_t count);

/* The lowering of rows, in lower_conv.c, lower_ops.c and lower_table.c. */
int mea_lower_conv(struct mea_lower *l, const struct mea_closing *c);
int mea_lower_pool(struct mea_lower *l, const struct mea_closing *c);
int mea_lower_add(struct mea_lower *l, const struct mea_closing *c);
int mea_lower_mul(struct mea_lower *l, const struct mea_closing *c);
int mea_lower_concat(struct mea_lower *l, const struct mea_closing *c);
int mea_lower_table(struct mea_lower *l, const struct mea_closing *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph: an ONNX model in memory, float or QDQ, with every shape known.
 *
 * Values are named tensors. A value with data is a constant; one without is an
 * input or the result of its producer. Nodes stand in topological order. The
 * graph is independent of the opset it came from: attributes that moved to
 * inputs over time are attributes here wherever they are constant by nature.
 */
#ifndef MEA_GRAPH_H
#define MEA_GRAPH_H

#include "graph/tensor.h"

#define MEA_OP_MAP(X)                                                                              \
	X(Conv)                                                                                    \
	X(Gemm)                                                                                    \
	X(MatMul)                                                                                  \
	X(BatchNormalization)                                                                      \
	X(Relu)                                                                                    \
	X(Clip)                                                                                    \
	X(Add)                                                                                     \
	X(Sub)                                                                                     \
	X(Mul)                                                                                     \
	X(Div)                                                                                     \
	X(MaxPool)                                                                                 \
	X(AveragePool)                                                                             \
	X(GlobalAveragePool)                                                                       \
	X(GlobalMaxPool)                                                                           \
	X(ReduceMean)                                                                              \
	X(Flatten)                                                                                 \
	X(Reshape)                                                                                 \
	X(Squeeze)                                                                                 \
	X(Unsqueeze)                                                                               \
	X(Transpose)                                                                               \
	X(Identity)                                                                                \
	X(Dropout)                                                                                 \
	X(Concat)                                                                                  \
	X(Cast)                                                                                    \
	X(Softmax)                                                                                 \
	X(Shape)                                                                                   \
	X(Gather)                                                                                  \
	X(Pad)                                                                                     \
	X(QuantizeLinear)                                                                          \
	X(DequantizeLinear)                                                                        \
	X(Sigmoid)                                                                                 \
	X(HardSigmoid)                                                                             \
	X(HardSwish)                                                                               \
	X(Tanh)                                                                                    \
	X(LeakyRelu)                                                                               \
	X(PRelu)                                                                                   \
	X(Elu)                                                                                     \
	X(Gelu)                                                                                    \
	X(Softplus)                                                                                \
	X(Mish)                                                                                    \
	X(Ceil)                                                                                    \
	X(Floor)                                                                                   \
	X(LogSoftmax)                                                                              \
	X(Slice)                                                                                   \
	X(Split)                                                                                   \
	X(ConstantOfShape)                                                                         \
	X(Range)

enum mea_op {
#define MEA_OP_ENUM(name) MEA_OP_##name,
	MEA_OP_MAP(MEA_OP_ENUM)
#undef MEA_OP_ENUM
		MEA_OP_COUNT,
};

enum mea_auto_pad { MEA_PAD_NOTSET, MEA_PAD_SAME_UPPER, MEA_PAD_SAME_LOWER, MEA_PAD_VALID };

/* All attributes of all operations; each node uses those of its own. */
struct mea_attrs {
	/* Conv, pools and (pad alone) Pad; two spatial axes, y then x. After shape
	 * inference kernel is set and pad holds what auto_pad asked for. */
	int64_t kernel[2], stride[2], dilation[2];
	int64_t pad[4]; /* top, left, bottom, right */
	enum mea_auto_pad auto_pad;
	int64_t group;
	bool ceil_mode, count_include_pad;

	float alpha, beta; /* Gemm, activations */
	bool trans_a, trans_b;
	float epsilon;		    /* BatchNormalization */
	float lo, hi;		    /* Clip without bound inputs */
	int64_t axis;		    /* Flatten, Concat, Gather, Softmax, (De)QuantizeLinear */
	bool coerce_2d;		    /* Softmax before opset 13: all axes from axis on are one */
	int n_axes;		    /* ReduceMean, Squeeze, Unsqueeze; -1: not given */
	int64_t axes[MEA_RANK_MAX]; /* Transpose: the permutation */
	bool keepdims, allow_zero, noop_empty_axes;
	int64_t start, end; /* Shape; start: an integer ConstantOfShape; Split: part start of end */
	enum mea_dtype to;  /* Cast, ConstantOfShape */
	float fill;	    /* Pad, ConstantOfShape */
	int64_t begin[MEA_RANK_MAX], step[MEA_RANK_MAX]; /* Slice, Split, set by shape inference */
	int mode; /* Pad, Gelu; the number of its text in the row */
};

struct mea_value {
	char *name; /* unique in the graph, never empty, owned */
	enum mea_dtype type;
	struct mea_shape shape;
	void *data;   /* a constant's elements, owned; NULL otherwise */
	int producer; /* node index; -1 for inputs and constants */
	bool dynamic; /* an input whose first dimension the file left open (1 here) */
	bool missing; /* a secondary output (Dropout's mask) that mea does not compute */
};

struct mea_node {
	enum mea_op op;
	char *name; /* the file's, or its output's name; owned */
	int *in;    /* value indices; -1: optional input left out; owned */
	int n_in;
	int out;
	struct mea_attrs a;
};

struct mea_graph {
	char *source;  /* the file's name, for messages; owned */
	bool external; /* read from more than one file */
	struct mea_value *values;
	int n_values;
	struct mea_node *nodes;
	int n_nodes;
	int *inputs, n_inputs;	 /* values */
	int *outputs, n_outputs; /* values */
	int *buckets;		 /* name index: value + 1 by hash, 0 = free */
	int n_buckets;
	int cap_values, cap_nodes;
};

const char *mea_op_name(enum mea_op op);
/* The operation of that name; MEA_OP_COUNT when there is none. */
enum mea_op mea_op_find(const char *name);
/* What ONNX gives for attributes that are left out. */
struct mea_attrs mea_attrs_default(enum mea_op op);

/* --- building -------------------------------------------------------------- */

int mea_graph_new(const char *source, struct mea_graph **out);
/* Frees g and all it owns; NULL is fine. */
void mea_graph_free(struct mea_graph *g);
/* A deep copy. */
int mea_graph_clone(const struct mea_graph *g, struct mea_graph **out);

/* Index of the value of that name, or -1. */
int mea_graph_find(const struct mea_graph *g, const char *name);

/* Each of these returns the new index, or a negative error (-1 is MEA_EINVAL, for
 * a name that is taken). Pointers into values and nodes do not survive them. */
int mea_graph_add_value(struct mea_graph *g, const char *name, enum mea_dtype type,
			const struct mea_shape *shape);
/* name is taken with a number behind it when it is not free. data is copied. */
int mea_graph_add_const(struct mea_graph *g, const char *name, enum mea_dtype type,
			const struct mea_shape *shape, const void *data);
int mea_graph_add_input(struct mea_graph *g, const char *name, enum mea_dtype type,
			const struct mea_shape *shape);
/* Appends a node; name may be NULL. in is copied; attrs NULL: the defaults. */
int mea_graph_add_node(struct mea_graph *g, enum mea_op op, const char *name, const int *in,
		       int n_in, int out, const struct mea_attrs *attrs);
/* Appends a node and the value of that name that it computes, whose type and shape are inferred.
 * Returns the value's index. */
int mea_graph_append(struct mea_graph *g, enum mea_op op, const char *value, const int *in,
		     int n_in, const struct mea_attrs *attrs);
/* Returns 0 or a negative error. */
int mea_graph_add_output(struct mea_graph *g, int value);

/* --- changing -------------------------------------------------------------- */

/* Lets every node and graph output that uses value from use value to. */
void mea_graph_replace(struct mea_graph *g, int from, int to);
/* Puts nodes into topological order and sets every producer. Fails on cycles and
 * on values that nothing computes. */
int mea_graph_sort(struct mea_graph *g);
/* Drops nodes and values that no graph output needs; inputs stay. Sorts. */
int mea_graph_prune(struct mea_graph *g);

/* Drops the nodes without keep[]; values stay, those of dropped nodes without a producer that is
 * valid. */
void mea_graph_drop_nodes(struct mea_graph *g, const bool *keep);
/* Rebuilds the name index, which must follow any renumbering of values. */
int mea_graph_reindex(struct mea_graph *g);

/* --- looking --------------------------------------------------------------- */

/* Uses of a value by nodes, plus one per graph output that it is. */
int mea_graph_uses(const struct mea_graph *g, int value);
bool mea_graph_is_output(const struct mea_graph *g, int value);
/* The only node that uses value, or -1 when it has none, several, or is an
 * output of the graph. */
int mea_graph_only_user(const struct mea_graph *g, int value);
/* Whether v is a constant, or a quantised constant behind its DequantizeLinear. */
bool mea_is_parameter(const struct mea_graph *g, const struct mea_value *v);
/* The node's input number i, or NULL when it is left out. */
struct mea_value *mea_node_in(const struct mea_graph *g, const struct mea_node *n, int i);
/* Bounds of a Relu, or of a Clip that has them as attributes; -INFINITY, INFINITY: none. */
void mea_clamp_bounds(const struct mea_node *n, float *lo, float *hi);
/* A view of a value as a tensor (data NULL when it is no constant). */
struct mea_tensor mea_value_tensor(const struct mea_value *v);

/* Fails with "SOURCE: node NAME (OP): " and the text. */
__attribute__((format(printf, 4, 5))) int
mea_node_fail(const struct mea_graph *g, const struct mea_node *n, int code, const char *fmt, ...);

/* --- files (onnx_read.c, onnx_write.c) ------------------------------------- */

struct mea_dim_value {
	const char *name; /* a symbolic dimension of an input */
	int64_t value;
};

struct mea_load_options {
	const struct mea_dim_value *dims;
	int n_dims;
	/* Channels, height and width for the dimensions that a first input of rank 4 leaves open,
	 * be it NCHW or NHWC; zeros: none. */
	int64_t image[3];
	bool one_file;		   /* refuse tensors in files beside the model */
	uint64_t max_file_bytes;   /* 0: 1 GiB */
	uint64_t max_tensor_bytes; /* all tensors together; 0: 1 GiB */
};

/*
 * Reads an ONNX model (opset 7 to 28; older where an operation has not changed
 * since), works out every shape and evaluates what
 * is constant. A symbolic first dimension of an input is the batch and becomes
 * 1; any other needs a value in opt->dims or opt->image. opt may be NULL. Tensors may lie in
 * files below the model's folder. Float16 becomes float32.
 * MEA_ENOENT, MEA_EIO, MEA_EINVAL for a damaged model, MEA_EUNSUPPORTED for one
 * outside mea's operations; the message names file, node and field.
 */
int mea_graph_load(const char *path, const struct mea_load_options *opt, struct mea_graph **out);
/* The same from memory, tensors included; source is the name for messages. */
int mea_graph_parse(const void *data, size_t size, const char *source,
		    const struct mea_load_options *opt, struct mea_graph **out);
/* Writes a model of opset 13, or later if an operation needs that; the file appears whole or not at
 * all. */
int mea_graph_write(const struct mea_graph *g, const char *path);
/* The same into memory; the caller frees *data. */
int mea_graph_pack(const struct mea_graph *g, void **data, size_t *size);

/* --- shapes (ops.c, infer.c) ------------------------------------------------------ */

/* Type and shape of n's output from those of its inputs; resolves kernel and
 * auto_pad. Fails without "node ...: " prefix. */
int mea_node_infer(const struct mea_graph *g, struct mea_node *n, enum mea_dtype *type,
		   struct mea_shape *shape);
/*
 * Runs mea_node_infer() over all nodes and turns nodes with constant inputs into
 * constants, except DequantizeLinear: a quantised weight stays visible as such.
 * Fails when all tensors together take more than max_bytes (0: 1 GiB).
 */
int mea_graph_infer(struct mea_graph *g, uint64_t max_bytes);
/* About how many elementary steps n takes (multiply-accumulates, comparisons). */
uint64_t mea_node_work(const struct mea_graph *g, const struct mea_node *n);
/* Its multiply-accumulates, 0 where n does not multiply as Conv does. */
uint64_t mea_node_macs(const struct mea_graph *g, const struct mea_node *n);

/* --- passes (passes.c) ----------------------------------------------------- */

/*
 * Rewrites the graph to the few shapes that quantisation and lowering know:
 * Identity and Dropout go, MatMul with a constant becomes Gemm and takes a
 * constant Add as its bias, BatchNormalization is folded into the Conv or Gemm
 * before it (or becomes a 1x1 depthwise Conv), a Reshape that keeps the batch
 * and flattens the rest becomes Flatten, Gemm's alpha, beta and transposition
 * are folded into its constants. Results change only by float rounding.
 */
int mea_graph_simplify(struct mea_graph *g);

/* What mea_graph_take_ends() found. */
struct mea_ends {
	bool changed;	     /* anything of what follows, or logits of 1xNx1x1 */
	bool pixels;	     /* an input was uint8: it takes 0 .. 255, as float */
	enum mea_op dropped; /* behind the logits; MEA_OP_COUNT: none */
};

/*
 * Simplifies an image classifier and gives it the ends of a bundle's network: float32 images of
 * NCHW (a Transpose from NHWC and a Cast from uint8 go), and 1xN logits as the first output
 * (a Softmax, LogSoftmax or Sigmoid behind them goes: the class stays the same).
 */
int mea_graph_take_ends(struct mea_graph *g, struct mea_ends *e);
/* Drops a Softmax, LogSoftmax or Sigmoid that computes an output of a simplified graph; the output
 * keeps its name. Returns the operation, MEA_OP_COUNT when there is none. */
enum mea_op mea_graph_drop_activation(struct mea_graph *g, int output);

#endif

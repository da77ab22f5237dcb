/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmea: early-exit image classification on an FPGA accelerator, its
 * simulation, or a CPU. The only public header.
 */
#ifndef MEA_H
#define MEA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The release of library, commands and bundle format; the build takes it from here. */
#define MEA_VERSION "0.1.0"

/*
 * Every function that can fail returns 0 or a negative code of this table and
 * leaves a sentence for the calling thread in mea_errmsg() that names the file,
 * node, field, flag or device at fault.
 */
#define MEA_ERROR_MAP(X)                                                                           \
	X(EINVAL, 1, "invalid argument or file content")                                           \
	X(ENOMEM, 2, "out of memory")                                                              \
	X(EIO, 3, "input/output error")                                                            \
	X(ENOENT, 4, "no such file, device or name")                                               \
	X(EUNSUPPORTED, 5, "valid, but not supported")                                             \
	X(EDEVICE, 6, "the device reported a fault")                                               \
	X(ETIMEDOUT, 7, "a time limit ran out")                                                    \
	X(ENODEV, 8, "the device is gone or was never there")                                      \
	X(EBUSY, 9, "a bounded queue is full; collect results first")                              \
	X(ECLOUD, 10, "the cloud did not give a usable answer")

enum mea_error {
	MEA_OK = 0,
#define MEA_ERROR_ENUM(name, number, text) MEA_##name = -(number),
	MEA_ERROR_MAP(MEA_ERROR_ENUM)
#undef MEA_ERROR_ENUM
};

/* What the shared library shows. */
#define MEA_API __attribute__((visibility("default")))

/* MEA_VERSION of the library that the program runs with. */
MEA_API const char *mea_version(void);

/* Name ("EINVAL") and meaning of a code; never NULL. */
MEA_API const char *mea_error_name(int code);
MEA_API const char *mea_error_text(int code);

/* What the last failed call of this thread said; "" before the first failure. */
MEA_API const char *mea_errmsg(void);

/*
 * A session is a model bundle loaded onto one or more backends. Images are
 * submitted and copied; a thread of the session's own runs them through main
 * and, where Algorithm 2 asks for it, the extension, several at a time, while
 * others are on their way to the cloud and back; results
 * are collected in the order in which they are ready. Every image that was
 * accepted comes back exactly once.
 *
 * It shows how many images left where to other processes of its user, by one page of memory
 * behind a descriptor of its own: that is what `mea top` reads.
 *
 * A session may be used by several threads at once. It must not cross a fork().
 */
struct mea_session;

struct mea_options {
	size_t size; /* set by MEA_OPTIONS_INIT; lets this struct grow */

	/* Backends in order of preference, "accel,ref"; NULL: all that are built
	 * in. The first one there answers, with the help of a later one for layers that
	 * it lacks; the others stand by for images whose job fails. */
	const char *backends;
	/* Device of backend accel: "auto" (also NULL), "drm" or "sim", with options as in
	 * "sim:8x8,latency=100". Any but "auto" must be there, or mea_open() fails. */
	const char *device;
	int queue; /* images accepted and not yet collected; 0: 64 */
	int jobs;  /* of these, at work on a backend at once; 0: 2 */

	/* Cloud servers that speak the Open Inference Protocol v2, as "http://host:8000" or
	 * "https://a,https://b"; a path /v2/models/NAME[/versions/N] names another model
	 * than the bundle's name. NULL: no cloud. Servers that cannot be reached are looked
	 * for again; one that has a model of other shapes is an error. */
	const char *cloud;
	/* Send main's features (int8, height x width x channels, as main.int8.onnx has them)
	 * instead of the image: for a cloud model that starts from them. */
	bool cloud_features;
	/* PEM files for https: authority (NULL: the system's), own certificate and key. */
	const char *cloud_ca, *cloud_cert, *cloud_key;
	/* Within so many ms after main an image that went to the cloud is answered, by the
	 * edge if need be; 0: 500. The extension runs beside the question when the cloud takes
	 * more than a part of it, so that its answer is there when the time is over. The thread
	 * that watches the time runs with real-time priority where the process may have it
	 * (CAP_SYS_NICE, RLIMIT_RTPRIO); without it, a machine with more work than processors
	 * is late now and then. */
	int deadline_ms;
	/* Entropy, in nats, over which an image is complex; NULL: the bundle's. */
	const double *threshold;

	/* Told, in a sentence, what is worth knowing but no failure, such as why
	 * a backend was passed over. Called from any thread. */
	void (*note)(const char *text, void *ctx);
	void *note_ctx;

	/* Send images as PNG to cloud servers that announce the extension image_png, when that
	 * is shorter. */
	bool cloud_png;
};

/* clang-format off */
#ifdef __cplusplus
#define MEA_OPTIONS_INIT mea_options_init()
#else
#define MEA_OPTIONS_INIT {.size = sizeof(struct mea_options)}
#endif
/* clang-format on */
#ifdef __cplusplus
/* C++ before 20 has no designated initialisers. */
static inline struct mea_options mea_options_init()
{
	struct mea_options o = mea_options();

	o.size = sizeof(o);
	return o;
}
#endif

/* How far an image went. */
enum mea_exit { MEA_EXIT_MAIN, MEA_EXIT_EXTENSION, MEA_EXIT_CLOUD, MEA_EXITS };

/* Why it stopped there and whose answer counts. */
#define MEA_WHY_MAP(X)                                                                             \
	X(EASY, "main's class is easy")                                                            \
	X(EXTENSION_SURER, "main's class is hard, and the extension was surer")                    \
	X(MAIN_SURER, "main's class is hard, but main was surer than the extension")               \
	X(COMPLEX, "main's entropy is over the threshold, and the cloud answered")                 \
	X(NO_ANSWER, "every backend failed")                                                       \
	X(NO_EXTENSION,                                                                            \
	  "main's class is hard, but the extension failed or was not ready by the deadline")

enum mea_why {
#define MEA_WHY_ENUM(name, text) MEA_WHY_##name,
	MEA_WHY_MAP(MEA_WHY_ENUM)
#undef MEA_WHY_ENUM
};

/*
 * What happens in an accelerator that takes energy, in units that do not depend on its size,
 * as its counters say (hw/README.md). For a planned network they do not depend on the image.
 */
#define MEA_EVENT_MAP(X)                                                                           \
	X(MAC, "mac", "8-bit multiply-accumulates, those on padding and unused lanes included")    \
	X(ACT_READ, "act_read", "bytes read from the activation scratchpad")                       \
	X(ACT_WRITE, "act_write", "bytes written to it")                                           \
	X(WGT_READ, "wgt_read", "bytes read from the weight memory")                               \
	X(ACCUMULATE, "accumulate", "32-bit accumulators read, added to and written")              \
	X(REQUANTISE, "requantise", "accumulators scaled to 8 bits")                               \
	X(BUS_READ, "bus_read", "bytes read from DRAM")                                            \
	X(BUS_WRITE, "bus_write", "bytes written to DRAM")

enum mea_event {
#define MEA_EVENT_ENUM(name, key, text) MEA_EVENT_##name,
	MEA_EVENT_MAP(MEA_EVENT_ENUM)
#undef MEA_EVENT_ENUM
		MEA_EVENTS
};

/* What a network cost; zero where it did not run. */
struct mea_cost {
	double ms;	    /* on the backend, from submit to completion */
	uint64_t macs;	    /* useful multiply-accumulates */
	uint64_t cycles;    /* accelerator cycles; 0 without an accelerator */
	uint64_t peak_macs; /* what the array could have done in these cycles */
	/* What went to the cloud and came back: HTTP heads and bodies, not what TLS, TCP
	 * and IP add. The cloud's ms is from the question to the answer. What is spent on an
	 * image after its answer was given counts in mea_stats() only. */
	uint64_t bytes_up, bytes_down;
	uint64_t events[MEA_EVENTS]; /* of the accelerator; 0 without one */
	/* CPU time that went into simulating the accelerator: on a board it is not spent. */
	double sim_ms;
};

struct mea_result {
	uint64_t tag; /* the caller's, from mea_submit() */
	int error;    /* 0, or why there is no answer: see text; the rest is 0 then */
	char text[160];

	int label; /* index of the class */
	enum mea_exit exit;
	enum mea_why why;
	float confidence; /* top softmax of the exit whose answer counts */
	float entropy;	  /* of main's softmax, in nats */
	bool complex;	  /* entropy is over the bundle's threshold */
	/* Why a complex image did not go to the cloud, NULL if it did or is none. */
	const char *cloud_missed;
	char cloud_text[160]; /* more about it, with names; "" when there is no more */
	double cloud_ms; /* from asking the cloud to the answer, the edge's too; 0: not asked */

	const char *backend; /* which one answered; "accel+opencl": the first, helped */
	/* Set when an earlier backend failed on this image, or was left alone since
	 * it had failed on others: text holds the reason. NULL otherwise. */
	const char *fallback_from;
	double latency_ms;		 /* from mea_submit() to the answer */
	double service_ms;		 /* from the start of main to the answer */
	struct mea_cost cost[MEA_EXITS]; /* of main, extension, cloud */
};

/* Sums over all answered images that left at one exit. */
struct mea_exit_stats {
	uint64_t images;
	double latency_ms;
	struct mea_cost cost; /* of all networks that these images ran through */
};

/* Opens a bundle: a folder, or the name of an installed one. opt may be NULL. On failure *out is
 * NULL. */
MEA_API int mea_open(const char *bundle, const struct mea_options *opt, struct mea_session **out);

/* Ends a session: waits for the jobs under way, drops what was not begun or
 * collected. No other thread may be using it. NULL is fine. */
MEA_API void mea_close(struct mea_session *s);

/* Size of the images that mea_submit() takes, and number of classes. */
MEA_API void mea_input_size(const struct mea_session *s, int *width, int *height);
MEA_API int mea_class_count(const struct mea_session *s);

/* Name of a class; NULL when there is no such class. Lives as long as s. */
MEA_API const char *mea_class_name(const struct mea_session *s, int label);

/* Names of the enumerations: "main"; a sentence. */
MEA_API const char *mea_exit_name(enum mea_exit exit);
MEA_API const char *mea_why_text(enum mea_why why);

/* Copies an image (height x width x RGB bytes) into the queue. MEA_EBUSY when
 * the queue is full: collect first. */
MEA_API int mea_submit(struct mea_session *s, const uint8_t *rgb, uint64_t tag);

/*
 * Takes the next finished image, waiting at most timeout_ms (-1: no limit).
 * MEA_ETIMEDOUT when none is ready by then, MEA_ENOENT when none is under way.
 * A failed image is a success of this call, with result->error set.
 */
MEA_API int mea_collect(struct mea_session *s, int timeout_ms, struct mea_result *result);

/* Submits one image and waits for its result, for callers that do nothing else
 * with s meanwhile: MEA_EBUSY when other images are under way. Returns the
 * image's own error. */
MEA_API int mea_classify(struct mea_session *s, const uint8_t *rgb, struct mea_result *result);

/*
 * One int8 network by itself, on tensors of any meaning: sensor values, spectra, features. It is
 * an ONNX file as mea quantize writes it, or QDQ or QOperator form of other tools. One thread at a
 * time uses it.
 */
struct mea_network;

/* An input or output: int8, height x width x channels, a vector being 1 x 1 x channels.
 * real = scale * (value - zero_point). name lives as long as the network. */
struct mea_network_tensor {
	const char *name;
	int height, width, channels;
	float scale;
	int zero_point;
};

/* Of opt (NULL is fine) it takes backends, device and note. On failure *out is NULL. */
MEA_API int mea_network_open(const char *path, const struct mea_options *opt,
			     struct mea_network **out);
MEA_API void mea_network_close(struct mea_network *n); /* NULL is fine */

/* Which backend computes it: "accel+opencl" is accel, helped. */
MEA_API const char *mea_network_backend(const struct mea_network *n);

/* Input or output number i, in the file's order; MEA_ENOENT behind the last. */
MEA_API int mea_network_input(const struct mea_network *n, int i, struct mea_network_tensor *t);
MEA_API int mea_network_output(const struct mea_network *n, int i, struct mea_network_tensor *t);

/* Computes all outputs, which are the caller's memory like the inputs, and waits for that as long
 * as the backend allows. cost may be NULL. After MEA_ETIMEDOUT every call fails. */
MEA_API int mea_network_run(struct mea_network *n, const int8_t *const *in, int8_t *const *out,
			    struct mea_cost *cost);

/* The link to the cloud, smoothed, from the requests that were answered; 0: not known yet.
 * rtt_ms and bytes_per_s are the kernel's figures of the TCP connections in use; small requests on
 * a fast link do not fill it, so bytes_per_s is then less than it could carry. answer_ms is from
 * the question to the answer. */
struct mea_link {
	double rtt_ms, answer_ms, bytes_per_s;
};

/* All 0 without a cloud. */
MEA_API void mea_link_figures(struct mea_session *s, struct mea_link *link);

/* Figures of the images answered so far, by exit. */
MEA_API void mea_stats(struct mea_session *s, struct mea_exit_stats stats[MEA_EXITS]);

#ifdef __cplusplus
}
#endif
#endif

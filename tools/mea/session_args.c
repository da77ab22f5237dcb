// SPDX-License-Identifier: Apache-2.0
#include "session_args.h"

#include <math.h>
#include <string.h>

enum {
	OPT_BACKEND = 700,
	OPT_DEVICE,
	OPT_CLOUD,
	OPT_CLOUD_SEND,
	OPT_CLOUD_CA,
	OPT_CLOUD_CERT,
	OPT_CLOUD_KEY,
	OPT_THRESHOLD,
	OPT_DEADLINE
};

static const struct argp_option options[] = {
	{"backend", OPT_BACKEND, "LIST", 0,
	 "backends in order of preference, such as accel,ref; the first that takes the model "
	 "answers, the others stand by (accel,opencl,ref); opencl:threads=N for fewer threads",
	 0},
	{"device", OPT_DEVICE, "NAME", 0, "device of backend accel: drm, sim or auto (auto)", 0},
	{"cloud", OPT_CLOUD, "URL[,URL]", 0,
	 "servers that complex images are sent to, as http://host:8000", 0},
	{"threshold", OPT_THRESHOLD, "T", 0,
	 "entropy in nats over which an image is complex, or auto: the bundle's (auto)", 0},
	{"deadline", OPT_DEADLINE, "MS", 0,
	 "a complex image is answered within so many ms after main, by the edge if need be (500)",
	 0},
	{"cloud-send", OPT_CLOUD_SEND, "WHAT", 0,
	 "image; png: images as PNG to servers that take it; or features: main's int8 "
	 "features, for a cloud model that starts from them (image)",
	 0},
	{"cloud-ca", OPT_CLOUD_CA, "FILE", 0, "PEM authority that vouches for https servers", 0},
	{"cloud-cert", OPT_CLOUD_CERT, "FILE", 0, "PEM certificate to show to them", 0},
	{"cloud-key", OPT_CLOUD_KEY, "FILE", 0, "its key", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const sent[] = {"image", "png", "features", NULL};
	struct session_args *a = state->input;
	int what;

	switch (key) {
	case OPT_BACKEND:
		a->backends = arg;
		return 0;
	case OPT_DEVICE:
		a->device = arg;
		return 0;
	case OPT_CLOUD:
		a->cloud = arg;
		return 0;
	case OPT_CLOUD_SEND:
		what = tool_choice(state, "--cloud-send", arg, sent);
		a->cloud_png = what == 1;
		a->cloud_features = what == 2;
		return 0;
	case OPT_CLOUD_CA:
		a->cloud_ca = arg;
		return 0;
	case OPT_CLOUD_CERT:
		a->cloud_cert = arg;
		return 0;
	case OPT_CLOUD_KEY:
		a->cloud_key = arg;
		return 0;
	case OPT_THRESHOLD:
		a->has_threshold = strcmp(arg, "auto") != 0;
		if (a->has_threshold)
			a->threshold = tool_real(state, "--threshold", arg, 0, INFINITY);
		return 0;
	case OPT_DEADLINE:
		a->deadline_ms = (int)tool_number(state, "--deadline", arg, 1, 3600000);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp session_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};

void session_options(const struct session_args *a, struct mea_options *o)
{
	o->backends = a->backends;
	o->device = a->device;
	o->cloud = a->cloud;
	o->cloud_features = a->cloud_features;
	o->cloud_png = a->cloud_png;
	o->cloud_ca = a->cloud_ca;
	o->cloud_cert = a->cloud_cert;
	o->cloud_key = a->cloud_key;
	o->deadline_ms = a->deadline_ms;
	o->threshold = a->has_threshold ? &a->threshold : NULL;
}

// SPDX-License-Identifier: Apache-2.0
#include "session_args.h"

#include <math.h>
#include <string.h>

#define OPEN(f)	   FIELD(struct mea_options, f)
#define SESSION(f) FIELD(struct session_args, f)

static int take_threshold(void *args, const char *arg)
{
	struct session_args *a = args;

	a->threshold = NAN;
	return strcmp(arg, "auto") ? option_real("--threshold", arg, 0, 0, &a->threshold) : 0;
}

const struct row place_options[] = {
	{"backend", "LIST", OPEN(backends),
	 "backends in order of preference, such as accel,ref; the first that takes the model "
	 "answers, the others stand by; opencl:threads=N for fewer threads",
	 .otherwise = "accel,opencl,ref", .words = "accel accel:sim opencl ref accel,ref"},
	{"device", "NAME", OPEN(device), "device of backend accel: drm, sim or auto",
	 .value = "auto", .words = "drm sim auto"},
	{0},
};

const struct row session_options[] = {
	{.at = offsetof(struct session_args, open), .rows = place_options},
	{"cloud", "URL[,URL]", SESSION(open.cloud),
	 "servers that complex images are sent to, as http://host:8000"},
	{"threshold", "T",
	 .help = "entropy in nats over which an image is complex, or auto: the bundle's",
	 .call = take_threshold, .value = "auto"},
	{"deadline", "MS", SESSION(open.deadline_ms),
	 "a complex image is answered within so many ms after main, by the edge if need be", 1,
	 3600000, "500"},
	{"cloud-send", "WHAT", SESSION(send),
	 "what is sent; png goes to servers that take it, features are main's int8 ones, for a "
	 "cloud model that starts from them",
	 .value = "image", .choices = "image png features"},
	{"cloud-ca", "FILE", SESSION(open.cloud_ca),
	 "PEM authority that vouches for https servers"},
	{"cloud-cert", "FILE", SESSION(open.cloud_cert), "PEM certificate to show to them"},
	{"cloud-key", "FILE", SESSION(open.cloud_key), "its key"},
	{0},
};

struct mea_options session_args_open(const struct session_args *a)
{
	struct mea_options o = a->open;

	o.cloud_features = a->send == SEND_FEATURES;
	o.cloud_png = a->send == SEND_PNG;
	o.threshold = isnan(a->threshold) ? NULL : &a->threshold;
	return o;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mea bench`: what an image costs on each path that it can take. bench.c reads the options and
 * goes through the steps; bench_route.c finds what every exit says of every image, bench_window.c
 * measures each path alone, bench_energy.c makes energies of it, bench_sweep.c moves the
 * threshold, bench_json.c makes the report that bench_print.c and bench_plot.c show.
 */
#ifndef MEA_TOOL_BENCH_H
#define MEA_TOOL_BENCH_H

#include <jansson.h>
#include <math.h>

#include "bench/model.h"
#include "bench/sampler.h"
#include "images/images.h"
#include "meanet/bundle.h"
#include "mea/session_args.h"

/* Parts of an image's energy, above idle but for the last. */
enum part { PART_ACCELERATOR, PART_HOST, PART_RADIO, PART_IDLE, PARTS };
extern const char *const bench_parts[PARTS];

/* Paths of an image. PATH_CLOUD is main and then the cloud; PATH_ONLY_CLOUD has no edge. */
enum path { PATH_MAIN, PATH_EXTENSION, PATH_CLOUD, PATH_ONLY_CLOUD, PATHS };
extern const char *const bench_paths[PATHS];

enum source { SOURCE_UNAVAILABLE, SOURCE_NONE, SOURCE_MODELLED, SOURCE_MEASURED };

/* An energy per image with where it comes from. */
struct figure {
	enum source source;
	double mj, low, high; /* the interval: a model's own, or 95 % of the windows */
	char of[192];	      /* sensor, model, or why there is none */
	char rail[64];	      /* of a sensor */
	double window_s, idle_w;
	int n; /* windows */
};

/* What the accelerator does for one network. */
struct net_cost {
	bool known;
	double cycles;		     /* mean: a bus may be slower now and then */
	uint64_t events[MEA_EVENTS]; /* the same for all images, or else the first one's */
	uint64_t images;	     /* that showed them, */
	uint64_t differ;	     /* and those with other events than the first */
};

/* What a meter saw in a window, and why nothing. */
struct seen {
	struct mea_reading r;
	char trouble[192];
};

struct window {
	double start;		    /* seconds after the first of all windows */
	double seconds, latency_ms; /* mean */
	size_t images;
	double cpu_ms;	   /* of the host, per image, without simulation and sampling */
	struct seen *seen; /* one a meter; owned */
};

#define WINDOWS_MAX 10
#define STABLE	    3 /* windows that agree */

struct path_run {
	size_t images; /* of the data set that go here */
	size_t right, labelled;
	struct window w[WINDOWS_MAX];
	int n;
	bool stable;
	char why[160];	 /* not stable */
	double *latency; /* of all windows, sorted; owned */
	size_t n_latency, fallbacks;
	double bytes_up, bytes_down; /* mean, of what went and came */
	uint64_t main_macs;	     /* of the image before */
	uint64_t sent;		     /* requests that these means are of */
	bool simulated;
	struct figure part[PARTS];
	struct figure *rail; /* one a meter: all that it saw, idle included; owned */
};

/* What is known of one image, whatever the threshold. */
struct routed {
	int label;	/* the data's; -1: none */
	bool readable;	/* and answered */
	int edge_label; /* of main and extension without a cloud */
	/* What each network says, -1: it was not asked. */
	int said[MEA_NETS];
	float entropy;
	bool extension; /* the edge's answer took it */
};

struct bench {
	const char *bundle;
	struct session_args session;
	struct images images;
	const char *models, *accel_name, *radio_name, *sysfs;
	const char *rails[PARTS]; /* sensors that stand for a part, by the user's word */
	double host_watts, clock_mhz, window_s, max_rate; /* NaN or 0: not given */
	bool json, wide, sweep;
	const char *csv, *plot, *beside, *target, *validation;
	const char *thresholds;

	struct mea_bundle *b;
	struct mea_accel_model accel;
	struct mea_radio_model radio;
	struct mea_meters *meters;
	struct mea_sampler *sampler;
	struct window idle;
	struct net_cost net[2]; /* main, extension */
	char no_cycles[192];	/* why not known */
	char backend[32];
	const uint32_t *held;  /* numbers of the n images that are measured; NULL: all */
	struct routed *routed; /* one an image of the data; owned */
	size_t n, unreadable, cloud_missed;
	/* Questions to the cloud when all images were sent, and the mean bytes of one. */
	size_t asked;
	double asked_up, asked_down;
	double threshold;
	double windows_start; /* tool_now() at the first window; 0: none yet */
	struct path_run path[PATHS];
	json_t *notes, *others; /* others: what b->beside holds */
	struct progress progress;
};

/* What bench.c does is for `mea report` as well. */

/* What a bench starts from; options fill in the rest. */
#define BENCH_INIT                                                                                 \
	{                                                                                          \
		.session.open = MEA_OPTIONS_INIT, .host_watts = NAN                                \
	}

/* Rows of struct bench: images, session, thresholds, windows, models and sensors. */
extern const struct row bench_options[];

/* Whether these options go together: 0 or MEA_EINVAL. */
int bench_check(const struct bench *b);
/* Opens all that the options name, and measures the images. Returns 0 or a negative error; in any
 * case bench_close() is due. */
int bench_run(struct bench *b);
/* Whether every image got each answer that it was asked for. */
bool bench_complete(const struct bench *b);
void bench_close(struct bench *b);

/* Says something worth knowing in the report. */
__attribute__((format(printf, 2, 3))) void bench_note(struct bench *b, const char *fmt, ...);

/* Opens a session, with the cloud or without. */
int bench_open(struct bench *b, bool cloud, struct mea_session **out);

/* All images (of b->held when there is such a list) through main and extension, and through the
 * cloud model: fills b->routed and b->net. */
int bench_route(struct bench *b);
struct mea_cloud;
int bench_cloud(struct bench *b, struct mea_cloud **out);
/* Image i of those that are measured. */
int bench_image(struct bench *b, size_t i, uint8_t *rgb, int *label);
/* The path of an image at a threshold, and the class that is its answer on a path: the edge's
 * where the cloud gave none. */
enum path bench_path_of(const struct bench *b, const struct routed *r, double threshold);
int bench_answer(const struct routed *r, enum path path);

/* Idle power; windows of each path alone, the paths in turn. */
int bench_idle(struct bench *b);
int bench_windows(struct bench *b);

/* Figures of all parts of all paths. */
void bench_energies(struct bench *b);
/* Mean latency of the windows that agree, in ms (NaN: none), and half the interval that holds the
 * mean of another such run with 95 %: both means err, so it is sqrt(2) times that of the mean (a
 * prediction interval: Hahn & Meeker, Statistical Intervals, for the mean of as many values). */
double bench_latency(const struct path_run *p, double *half);
/* Energy in mJ that the radio's tail costs an image that is sent, when such a share of all images
 * is, at the stated rate. */
double bench_tail(const struct bench *b, double share);
/* Mean of n values (at most WINDOWS_MAX; NaN of none); returns half the width of its 95 %
 * interval, NaN below two. */
double bench_interval(const double *v, int n, double *mean);
/* Sum of the known parts above idle of a path in mJ; NaN when none is known. */
double bench_sum(const struct path_run *p);

/* Mean over all images at a threshold (NaN: no cloud at all; < 0: only the cloud). */
struct mean {
	double accuracy, sent, mj, part[PARTS], latency_ms, share[PATHS];
	size_t images;
};
struct mean bench_mean(const struct bench *b, double threshold);

/* The report as JSON, a new reference; and what is made of it. */
json_t *bench_report(const struct bench *b);
json_t *bench_mean_json(const struct mean *m);
int bench_print(const json_t *report, bool wide);
int bench_csv(const json_t *report, const char *file);
int bench_plot(const json_t *report, const json_t *beside, const char *dir);
void bench_print_beside(const json_t *report, const json_t *beside);

/* The points of a sweep, Pareto front marked; NULL without memory. */
json_t *bench_sweep(const struct bench *b);
/* Whether b->thresholds and b->target can be read. */
int bench_check_sweep(const struct bench *b);
/* Chooses the threshold for b->target on validation data and writes it into the bundle. */
int bench_target(struct bench *b);

#endif

// SPDX-License-Identifier: Apache-2.0
/* The report of `mea bench`: the one form from which table, CSV and plots are made. What is not
 * known is null. */
#include "bench.h"
#include "mea/files.h"
#include "base/array.h"

#include <math.h>
#include <string.h>

/* --- figures ----------------------------------------------------------------------- */

static json_t *figure(const struct figure *f)
{
	static const char *const sources[] = {"unavailable", "none", "modelled", "measured"};
	json_t *o = json_pack("{s:o, s:s, s:s, s:o, s:o}", "mj", tool_real_json(f->mj), "source",
			      sources[f->source], "of", f->of, "low", tool_real_json(f->low),
			      "high", tool_real_json(f->high));

	if (f->source == SOURCE_MEASURED) {
		json_object_set_new(o, "rail", json_string(f->rail));
		json_object_set_new(o, "idle_w", tool_real_json(f->idle_w));
		json_object_set_new(o, "windows", json_integer(f->n));
		json_object_set_new(o, "window_s", tool_real_json(f->window_s));
	}
	return o;
}

json_t *bench_mean_json(const struct mean *m)
{
	json_t *parts = json_object(), *exits = json_object();

	for (int k = 0; k < PARTS; k++)
		json_object_set_new(parts, bench_parts[k], tool_real_json(m->part[k]));
	for (int i = 0; i < PATH_ONLY_CLOUD; i++)
		json_object_set_new(
			exits, bench_paths[i],
			tool_real_json(m->share[i] +
				       (i == PATH_CLOUD ? m->share[PATH_ONLY_CLOUD] : 0)));
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "images", (json_int_t)m->images,
			 "accuracy", tool_real_json(m->accuracy), "sent", tool_real_json(m->sent),
			 "mj", tool_real_json(m->mj), "parts", parts, "latency_ms",
			 tool_real_json(m->latency_ms), "exits", exits);
}

/* --- a path -------------------------------------------------------------------------- */

static json_t *percentile(const struct path_run *p, double share)
{
	return tool_real_json(mea_percentile(p->latency, p->n_latency, share));
}

static json_t *latency(const struct path_run *p)
{
	double half, mean = bench_latency(p, &half);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "mean", tool_real_json(mean), "low",
			 tool_real_json(mean - half), "high", tool_real_json(mean + half), "p50",
			 percentile(p, 0.5), "p95", percentile(p, 0.95), "p99", percentile(p, 0.99),
			 "n", (json_int_t)p->n_latency);
}

static json_t *cycles(const struct bench *b, enum path path)
{
	double c = b->net[0].cycles + (path == PATH_EXTENSION ? b->net[1].cycles : 0);

	if (path == PATH_ONLY_CLOUD || !b->net[0].known ||
	    (path == PATH_EXTENSION && !b->net[1].known))
		return json_null();
	return json_real(c);
}

static json_t *windows(const struct path_run *p)
{
	json_t *list = json_array();

	for (int i = 0; i < p->n; i++)
		json_array_append_new(list,
				      json_pack("{s:f, s:f, s:I, s:f, s:f}", "start_s",
						p->w[i].start, "seconds", p->w[i].seconds, "images",
						(json_int_t)p->w[i].images, "latency_ms",
						p->w[i].latency_ms, "host_cpu_ms", p->w[i].cpu_ms));
	return list;
}

static json_t *path_object(const struct bench *b, enum path path)
{
	const struct path_run *p = &b->path[path];
	json_t *energy = json_object(), *rails = json_array(), *c = cycles(b, path);
	json_t *ms = json_is_null(c) ? json_null()
				     : json_real(json_real_value(c) / (b->clock_mhz * 1e3));
	bool sent = path >= PATH_CLOUD && p->sent;
	double radio_ms = sent ? mea_radio_ms(&b->radio, p->bytes_up, p->bytes_down) : NAN;

	for (int k = 0; k < PARTS; k++)
		json_object_set_new(energy, bench_parts[k], figure(&p->part[k]));
	json_object_set_new(energy, "sum", tool_real_json(bench_sum(p)));
	for (int m = 0; m < b->meters->n && p->n; m++)
		json_array_append_new(rails, figure(&p->rail[m]));
	return json_pack(
		"{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
		"name", bench_paths[path], "images", (json_int_t)p->images, "share",
		path == PATH_ONLY_CLOUD ? json_null()
					: tool_ratio_json((double)p->images, (double)b->n),
		"accuracy", tool_ratio_json((double)p->right, (double)p->labelled), "latency_ms",
		latency(p), "cycles", c, "accelerator_ms", ms, "bytes_up",
		tool_real_json(sent ? p->bytes_up : NAN), "bytes_down",
		tool_real_json(sent ? p->bytes_down : NAN), "radio_ms", tool_real_json(radio_ms),
		"energy", energy, "rails", rails, "unstable",
		*p->why ? json_string(p->why) : json_null(), "windows", windows(p), "fallbacks",
		(json_int_t)p->fallbacks);
}

/* --- the whole -------------------------------------------------------------------------- */

static json_t *sensors(const struct bench *b)
{
	json_t *list = json_array();

	for (int i = 0; i < b->meters->n; i++) {
		const struct mea_meter *m = &b->meters->meter[i];
		const struct seen *s = &b->idle.seen[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o, s:s?}", "sensor",
						      m->sensor, "rail", m->rail, "idle_w",
						      tool_real_json(s->r.watts), "spread_w",
						      tool_real_json(s->r.spread), "window_s",
						      tool_real_json(s->r.seconds), "trouble",
						      *s->trouble ? s->trouble : NULL));
	}
	return list;
}

static json_t *events(const struct bench *b)
{
	json_t *nets = json_object();

	for (int i = 0; i < 2; i++) {
		json_t *o = json_object();

		for (int e = 0; e < MEA_EVENTS && b->net[i].known; e++)
			json_object_set_new(o, mea_event_key((enum mea_event)e),
					    json_pack("{s:I, s:f}", "events",
						      (json_int_t)b->net[i].events[e], "pj",
						      b->accel.pj[e].mj));
		json_object_set_new(nets, bench_paths[i], b->net[i].known ? o : json_null());
		if (!b->net[i].known)
			json_decref(o);
	}
	return nets;
}

/* In a sentence or two. */
static json_t *verdict(const struct bench *b, const struct mean *edge, const struct mean *cloud,
		       const struct mean *both)
{
	const char *most = NULL;
	char text[400];
	double top = 0;
	int n;

	for (int k = 0; k < PART_IDLE; k++)
		if (both->part[k] > top) {
			top = both->part[k];
			most = bench_parts[k];
		}
	if (isnan(both->mj))
		n = snprintf(text, sizeof(text), "No part of the energy is known here.");
	else if (isnan(edge->accuracy))
		n = snprintf(text, sizeof(text),
			     "%s %.4g mJ per image; without labels no accuracy is known.",
			     b->session.open.cloud ? "Edge and cloud take" : "The edge alone takes",
			     both->mj);
	else if (!b->session.open.cloud)
		n = snprintf(text, sizeof(text),
			     "The edge alone takes %.4g mJ per image for %.2f %% of right answers.",
			     edge->mj, 100 * edge->accuracy);
	else
		n = snprintf(
			text, sizeof(text),
			"Edge and cloud take %.4g mJ per image: %.0f %% of the cloud alone, with "
			"%+.2f points of accuracy; %+.2f points over the edge alone, which takes "
			"%.4g mJ.",
			both->mj, 100 * both->mj / cloud->mj,
			100 * (both->accuracy - cloud->accuracy),
			100 * (both->accuracy - edge->accuracy), edge->mj);
	if (most && n < (int)sizeof(text))
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      " %.0f %% of it goes into the %s.", 100 * top / both->mj, most);
	for (int k = 0; k < PART_IDLE && n < (int)sizeof(text); k++)
		if (isnan(both->part[k]))
			n += snprintf(text + n, sizeof(text) - (size_t)n,
				      " What the %s takes is not known and not in it.",
				      bench_parts[k]);
	return json_string(text);
}

json_t *bench_report(const struct bench *b)
{
	struct mean edge = bench_mean(b, NAN), both = bench_mean(b, b->threshold);
	struct mean cloud = bench_mean(b, -1);
	json_t *paths = json_array(), *o, *totals = json_object();

	for (int i = 0; i < PATHS; i++)
		if (b->session.open.cloud || i < PATH_CLOUD)
			json_array_append_new(paths, path_object(b, (enum path)i));
	json_object_set_new(totals, "edge_only", bench_mean_json(&edge));
	if (b->session.open.cloud) {
		json_object_set_new(totals, "cloud_only", bench_mean_json(&cloud));
		json_object_set_new(totals, "edge_cloud", bench_mean_json(&both));
	}
	o = json_pack("{s:s, s:i, s:o, s:o, s:s, s:I, s:o, s:o, s:f, s:s, s:f, s:o, s:s, s:o}",
		      "format", "mea-bench", "version", 1, "bundle", tool_text(b->b->name), "data",
		      tool_text(images_title(&b->images)), "backend",
		      b->backend[0] ? b->backend : "-", "images", (json_int_t)b->n, "cloud",
		      b->session.open.cloud ? tool_text(b->session.open.cloud) : json_null(),
		      "threshold", tool_real_json(b->threshold), "clock_mhz", b->clock_mhz,
		      "accelerator_model", b->accel.name, "window_s", b->window_s, "host_power_w",
		      tool_real_json(b->host_watts), "radio_model", b->radio.name, "sensors",
		      sensors(b));
	json_object_set_new(o, "max_rate", tool_real_json(b->max_rate > 0 ? b->max_rate : NAN));
	json_object_set_new(o, "unreadable", json_integer((json_int_t)b->unreadable));
	json_object_set_new(o, "cloud_missed", json_integer((json_int_t)b->cloud_missed));
	json_object_set_new(o, "networks", events(b));
	json_object_set_new(o, "paths", paths);
	json_object_set_new(o, "totals", totals);
	json_object_set_new(o, "verdict", verdict(b, &edge, &cloud, &both));
	if (b->sweep)
		json_object_set_new(o, "sweep", bench_sweep(b));
	json_object_set(o, "notes", b->notes);
	return o;
}

// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The compiler runs in the repository's root. */
extern const char mea_energy_models[];
__asm__(".pushsection .rodata\n.hidden mea_energy_models\n.global mea_energy_models\n"
	"mea_energy_models:\n.incbin \"tools/bench/models.json\"\n.byte 0\n.popsection\n");

static const char *const keys[] = {
#define KEY(name, key, text) key,
	MEA_EVENT_MAP(KEY)
#undef KEY
};

const char *mea_event_key(enum mea_event e)
{
	return keys[e];
}

/* --- JSON --------------------------------------------------------------------- */

/* Where in a file of models we are, for messages. */
struct location {
	const char *file, *kind, *name;
};

static int bad(const struct location *at, const char *group, const char *key, const char *what)
{
	return mea_fail(MEA_EINVAL, "%s: %s.%s.%s%s%s: %s", at->file, at->kind, at->name, group,
			*group ? "." : "", key, what);
}

/* A number of at least 0; null is NaN where unknown is fine. */
static int number(const struct location *at, const char *group, const json_t *o, const char *key,
		  bool unknown, double *out)
{
	const json_t *v = json_object_get(o, key);

	if (unknown && json_is_null(v)) {
		*out = NAN;
		return 0;
	}
	if (!json_is_number(v) || !(json_number_value(v) >= 0))
		return bad(at, group, key,
			   unknown ? "must be a number of at least 0, or null"
				   : "must be a number of at least 0");
	*out = json_number_value(v);
	return 0;
}

static int load_model(const struct location *at, const char *file, json_t **root, json_t **model)
{
	json_error_t e;
	char names[160] = "";
	const char *name;
	json_t *kind, *v;

	*root = file ? json_load_file(file, JSON_REJECT_DUPLICATES, &e)
		     : json_loads(mea_energy_models, JSON_REJECT_DUPLICATES, &e);
	if (!*root)
		return mea_fail(MEA_EINVAL, "%s: line %d: %s", at->file, e.line, e.text);
	kind = json_object_get(*root, at->kind);
	*model = json_object_get(kind, at->name);
	if (json_is_object(*model))
		return 0;
	json_object_foreach(kind, name, v)
	{
		size_t n = strlen(names);

		snprintf(names + n, sizeof(names) - n, " %s", name);
	}
	json_decref(*root);
	return mea_fail(MEA_ENOENT, "%s: no '%s' among the %s:%s", at->file, at->name, at->kind,
			*names ? names : " there are none");
}

/* "events.mac": pj, and low and high where they differ from it. */
static int read_event(const struct location *at, const json_t *events, const char *key,
		      struct mea_modelled *out)
{
	const json_t *e = json_object_get(events, key);
	char group[48];
	int rc;

	snprintf(group, sizeof(group), "events.%s", key);
	rc = number(at, group, e, "pj", false, &out->mj);
	out->low = out->high = out->mj;
	if (!rc && json_object_get(e, "low"))
		rc = number(at, group, e, "low", false, &out->low);
	if (!rc && json_object_get(e, "high"))
		rc = number(at, group, e, "high", false, &out->high);
	if (!rc && (out->low > out->mj || out->high < out->mj))
		rc = bad(at, group, "pj", "is not between low and high");
	if (!rc && !json_string_value(json_object_get(e, "source")))
		rc = bad(at, group, "source", "must say where the figure comes from");
	return rc;
}

int mea_accel_model_load(const char *file, const char *name, struct mea_accel_model *out)
{
	struct location at = {file ? file : "models.json", "accelerators", name};
	json_t *root, *o;
	int rc = load_model(&at, file, &root, &o);

	if (rc)
		return rc;
	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", name);
	rc = number(&at, "", o, "clock_mhz", false, &out->clock_mhz);
	if (!rc && !(out->clock_mhz > 0))
		rc = bad(&at, "", "clock_mhz", "must be over 0");
	if (!rc)
		rc = number(&at, "", o, "static_mw", true, &out->static_mw);
	for (int i = 0; i < MEA_EVENTS && !rc; i++)
		rc = read_event(&at, json_object_get(o, "events"), keys[i], &out->pj[i]);
	json_decref(root);
	return rc;
}

int mea_radio_model_load(const char *file, const char *name, struct mea_radio_model *out)
{
	struct location at = {file ? file : "models.json", "radios", name};
	json_t *root, *o;
	int rc = load_model(&at, file, &root, &o);

	if (rc)
		return rc;
	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", name);
	rc = number(&at, "", o, "up_mbps", false, &out->up_mbps);
	if (!rc && !(out->up_mbps > 0))
		rc = bad(&at, "", "up_mbps", "must be over 0");
	if (!rc)
		rc = number(&at, "", o, "up_mw_per_mbps", false, &out->up_mw_per_mbps);
	if (!rc)
		rc = number(&at, "", o, "down_mbps", true, &out->down_mbps);
	if (!rc && out->down_mbps <= 0)
		rc = bad(&at, "", "down_mbps", "must be over 0, or null");
	if (!rc)
		rc = number(&at, "", o, "down_mw_per_mbps", isnan(out->down_mbps),
			    &out->down_mw_per_mbps);
	if (!rc)
		rc = number(&at, "", o, "base_mw", false, &out->base_mw);
	if (!rc)
		rc = number(&at, "", o, "tail_s", false, &out->tail_s);
	if (!rc)
		rc = number(&at, "", o, "tail_mw", false, &out->tail_mw);
	if (!rc && !json_string_value(json_object_get(o, "source")))
		rc = bad(&at, "", "source", "must say where the figures come from");
	json_decref(root);
	return rc;
}

/* --- arithmetic ------------------------------------------------------------------- */

struct mea_modelled mea_accel_energy(const struct mea_accel_model *m,
				     const uint64_t events[MEA_EVENTS])
{
	struct mea_modelled e = {0, 0, 0};

	for (int i = 0; i < MEA_EVENTS; i++) {
		double n = (double)events[i] * 1e-9; /* pJ to mJ */

		e.mj += n * m->pj[i].mj;
		e.low += n * m->pj[i].low;
		e.high += n * m->pj[i].high;
	}
	return e;
}

double mea_radio_watts(const struct mea_radio_model *m)
{
	return (m->up_mbps * m->up_mw_per_mbps + m->base_mw) * 1e-3;
}

/* Milliseconds that bytes take at so many Mb/s. */
static double ms_of(double bytes, double mbps)
{
	return bytes * 8 / mbps * 1e-3;
}

double mea_radio_ms(const struct mea_radio_model *m, double bytes_up, double bytes_down)
{
	return ms_of(bytes_up, m->up_mbps) +
	       (isnan(m->down_mbps) ? 0 : ms_of(bytes_down, m->down_mbps));
}

double mea_radio_mj(const struct mea_radio_model *m, double bytes_up, double bytes_down)
{
	double mj = mea_radio_watts(m) * ms_of(bytes_up, m->up_mbps);

	if (!isnan(m->down_mbps))
		mj += (m->down_mbps * m->down_mw_per_mbps + m->base_mw) * 1e-3 *
		      ms_of(bytes_down, m->down_mbps);
	return mj;
}

double mea_radio_tail_mj(const struct mea_radio_model *m, double gap_s)
{
	return m->tail_mw * fmin(gap_s, m->tail_s);
}

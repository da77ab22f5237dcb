// SPDX-License-Identifier: Apache-2.0
/* Which sensors are there: the trees of class/hwmon and class/powercap. */
#include "meter.h"

#include "base/array.h"
#include "base/error.h"
#include "meter_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUTS 32 /* hwmon numbers its inputs from 0 or 1 */

static struct mea_meter *add_meter(struct mea_meters *l)
{
	if (mea_grow(&l->meter, (size_t)l->n, 1, sizeof(*l->meter)))
		return NULL;
	memset(&l->meter[l->n], 0, sizeof(*l->meter));
	return &l->meter[l->n++];
}

/* One line of a file, without its end; false when it cannot be read. */
static bool text_of(const char *dir, const char *file, char *text, size_t size)
{
	char path[320];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%.250s/%.60s", dir, file);
	f = fopen(path, "r");
	ok = f && fgets(text, (int)size, f);
	if (f)
		fclose(f);
	if (ok)
		text[strcspn(text, "\n")] = 0;
	return ok && *text;
}

static bool there(const char *dir, const char *kind, int n)
{
	char path[320];

	snprintf(path, sizeof(path), "%.250s/%s%d_input", dir, kind, n);
	return mea_meter_file_there(path);
}

/* --- hwmon -------------------------------------------------------------------- */

/* The input of kind "in" whose label is that of current n with the i made a v (iout1, vout1). */
static int voltage_of(const char *dir, int n)
{
	char name[32], want[64], label[64];
	char *i;

	snprintf(name, sizeof(name), "curr%d_label", n);
	if (text_of(dir, name, want, sizeof(want)) && (i = strchr(want, 'i'))) {
		*i = 'v';
		for (int v = 0; v < INPUTS; v++) {
			snprintf(name, sizeof(name), "in%d_label", v);
			if (text_of(dir, name, label, sizeof(label)) && !strcmp(label, want))
				return there(dir, "in", v) ? v : -1;
		}
	}
	return there(dir, "in", n) ? n : -1;
}

static int add_hwmon(struct mea_meters *l, const char *dir, const char *id,
		     enum mea_meter_kind kind, int n, int volt)
{
	static const char *const kinds[] = {"power", "curr", "energy"};
	const char *what = kinds[kind];
	struct mea_meter *m = add_meter(l);
	char name[40] = "", label[64] = "", file[32], ms[32];

	if (!m)
		return mea_nomem();
	m->kind = kind;
	snprintf(m->sensor, sizeof(m->sensor), "hwmon/%.32s/%s%d_input", id, what, n);
	snprintf(m->path[0], sizeof(m->path[0]), "%.250s/%s%d_input", dir, what, n);
	if (kind == MEA_METER_PAIR)
		snprintf(m->path[1], sizeof(m->path[1]), "%.250s/in%d_input", dir, volt);
	text_of(dir, "name", name, sizeof(name));
	snprintf(file, sizeof(file), "%s%d_label", what, n);
	text_of(dir, file, label, sizeof(label));
	snprintf(m->rail, sizeof(m->rail), "%.30s%s%.30s", name, *label ? " " : "", label);
	if (text_of(dir, "update_interval", ms, sizeof(ms)))
		m->update_s = strtod(ms, NULL) * 1e-3;
	return 0;
}

/* An input as energy, where the driver counts it, else as power, else as current x voltage. */
static int find_hwmon(struct mea_meters *l, const char *dir, const char *id)
{
	int rc = 0, volt;

	for (int n = 0; n < INPUTS && !rc; n++) {
		if (there(dir, "energy", n))
			rc = add_hwmon(l, dir, id, MEA_METER_ENERGY, n, 0);
		else if (there(dir, "power", n))
			rc = add_hwmon(l, dir, id, MEA_METER_POWER, n, 0);
		else if (there(dir, "curr", n) && (volt = voltage_of(dir, n)) >= 0)
			rc = add_hwmon(l, dir, id, MEA_METER_PAIR, n, volt);
	}
	return rc;
}

/* --- powercap ------------------------------------------------------------------- */

static int find_powercap(struct mea_meters *l, const char *dir, const char *id)
{
	char range[32], path[320];
	struct mea_meter *m;

	snprintf(path, sizeof(path), "%.250s/energy_uj", dir);
	if (!mea_meter_file_there(path))
		return 0;
	m = add_meter(l);
	if (!m)
		return mea_nomem();
	m->kind = MEA_METER_POWERCAP;
	snprintf(m->sensor, sizeof(m->sensor), "powercap/%.40s/energy_uj", id);
	snprintf(m->path[0], sizeof(m->path[0]), "%s", path);
	if (!text_of(dir, "name", m->rail, sizeof(m->rail)))
		snprintf(m->rail, sizeof(m->rail), "%.60s", id);
	if (text_of(dir, "max_energy_range_uj", range, sizeof(range)))
		m->range = strtoll(range, NULL, 10);
	return 0;
}

/* --- both ------------------------------------------------------------------------- */

static int skip_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int find_class(struct mea_meters *l, const char *sysfs, const char *class,
		      int (*find)(struct mea_meters *, const char *, const char *))
{
	struct dirent **list;
	char dir[256], sub[320];
	int n, rc = 0;

	snprintf(dir, sizeof(dir), "%.200s/class/%s", sysfs, class);
	n = scandir(dir, &list, skip_dots, versionsort);
	if (n < 0)
		return errno == ENOMEM ? mea_nomem() : 0;
	for (int i = 0; i < n; i++) {
		snprintf(sub, sizeof(sub), "%.220s/%.60s", dir, list[i]->d_name);
		if (!rc)
			rc = find(l, sub, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return rc;
}

int mea_meters_open(const char *sysfs, struct mea_meters **out)
{
	struct mea_meters *l = calloc(1, sizeof(*l));
	int rc = l ? find_class(l, sysfs, "hwmon", find_hwmon) : mea_nomem();

	if (!rc)
		rc = find_class(l, sysfs, "powercap", find_powercap);
	if (rc) {
		mea_meters_close(l);
		l = NULL;
	}
	for (int i = 0; l && i < l->n; i++)
		mea_meter_probe(&l->meter[i]);
	*out = l;
	return rc;
}

void mea_meters_close(struct mea_meters *l)
{
	if (!l)
		return;
	free(l->meter);
	free(l);
}

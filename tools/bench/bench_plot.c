// SPDX-License-Identifier: Apache-2.0
/*
 * Plots of the report. Each is a gnuplot script with its data inside, so that who wants another
 * look changes the script; gnuplot makes SVG and PNG of it.
 */
#include "bench.h"
#include "bench_read.h"
#include "mea/files.h"

#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

struct plot {
	const json_t *report, *beside;
	const char *dir;
	FILE *f;
};

/* --- texts of strangers ------------------------------------------------------------------- */

/* Writes text as one line of nothing but itself: a bundle's name, say, must not end the line or
 * the block of data that it stands in. */
static void put_line(FILE *f, const char *text, const char *twice)
{
	for (const char *c = text; *c; c++) {
		if (strchr(twice, *c))
			putc(*c, f);
		putc((unsigned char)*c < ' ' || *c == 127 ? ' ' : *c, f);
	}
}

/* Writes text as a gnuplot string: in single quotes nothing is substituted or escaped, and a
 * single quote is written twice. */
static void put_string(FILE *f, const char *text)
{
	putc('\'', f);
	put_line(f, text, "'");
	putc('\'', f);
}

/* The same as a string variable, which `plot` then names. */
static void put_variable(FILE *f, const char *name, const char *text)
{
	fprintf(f, "%s = ", name);
	put_string(f, text);
	putc('\n', f);
}

/* Writes text as a field of a data block: in double quotes, of which it may hold none. */
static void put_field(FILE *f, const char *text, bool break_words)
{
	putc('"', f);
	for (const char *c = text; *c; c++) {
		if (break_words && (*c == ' ' || *c == '_'))
			fputs("\\n", f);
		else
			putc((unsigned char)*c < ' ' || strchr("\"\\\177", *c) ? ' ' : *c, f);
	}
	putc('"', f);
}

/* --- gnuplot --------------------------------------------------------------------------- */

static int begin(struct plot *p, const char *name, const char *title)
{
	char path[512];

	snprintf(path, sizeof(path), "%.480s/%s.gp", p->dir, name);
	p->f = fopen(path, "w");
	if (!p->f)
		return mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	fprintf(p->f,
		"# gnuplot %s.gp, in its folder, makes the pictures again.\n"
		"set encoding utf8\nset grid\nset key outside below\nset bmargin 7\nset datafile "
		"missing '-'\nset title ",
		name);
	put_string(p->f, title);
	fputs(" noenhanced\n", p->f);
	return 0;
}

/* In a locale of its own: the scripts are UTF-8, whatever the user's locale is. */
static int run_gnuplot(const char *dir, const char *script)
{
	char sh[] = "sh", c[] = "-c", in[] = "cd -- \"$1\" && LC_ALL=C.UTF-8 exec gnuplot \"$2\"";
	char folder[512], file[64], *argv[] = {sh, c, in, sh, folder, file, NULL};
	int status, err;
	pid_t pid;

	snprintf(folder, sizeof(folder), "%s", dir);
	snprintf(file, sizeof(file), "%s", script);
	err = posix_spawnp(&pid, "sh", NULL, NULL, argv, environ);
	if (err)
		return mea_fail(MEA_EIO, "sh: %s", strerror(err));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return mea_fail(MEA_ENOENT,
				"--plot: gnuplot is not installed (Debian: gnuplot-nox)");
	if (status)
		return mea_fail(MEA_EIO, "gnuplot failed on %s/%s", dir, script);
	return 0;
}

/* Ends the script: draws what `plot` says on both terminals. */
static int end(struct plot *p, const char *name, const char *what)
{
	char script[64];

	fprintf(p->f,
		"set terminal svg noenhanced size 900,560 dynamic background 'white'\nset output "
		"'%s.svg'\n"
		"plot %s\n"
		"set terminal pngcairo noenhanced size 900,560\nset output '%s.png'\nplot %s\n",
		name, what, name, what);
	if (ferror(p->f) | fclose(p->f))
		return mea_fail(MEA_EIO, "%s/%s.gp: cannot be written", p->dir, name);
	snprintf(script, sizeof(script), "%s.gp", name);
	return run_gnuplot(p->dir, script);
}

static void data_real(FILE *f, double v)
{
	if (isnan(v))
		fputs(" -", f);
	else
		fprintf(f, " %.9g", v);
}

/* --- bars: energy of each path ----------------------------------------------------------- */

/* The part's energy where it is known and not nothing: a logarithmic axis has no 0. */
static double part_mj(const json_t *parts, int k)
{
	const json_t *v = json_object_get(parts, bench_parts[k]);
	double mj = json_is_object(v) ? read_real(v, "mj") : read_real(parts, bench_parts[k]);

	return mj > 0 ? mj : NAN;
}

static void parts_row(FILE *f, const char *name, const json_t *parts, bool any[PARTS])
{
	put_field(f, name, true);
	for (int k = 0; k < PARTS; k++) {
		any[k] |= !isnan(part_mj(parts, k));
		data_real(f, part_mj(parts, k));
	}
	fputc('\n', f);
}

static int plot_parts(struct plot *p)
{
	json_t *totals = json_object_get(p->report, "totals"), *o;
	char title[256], what[512] = "";
	bool any[PARTS] = {false};
	const char *name;
	size_t i, n = 0;
	int rc;

	snprintf(title, sizeof(title),
		 "%.60s: energy of an image by path and part; accelerator %.30s, radio %.30s",
		 read_text(p->report, "bundle"), read_text(p->report, "accelerator_model"),
		 read_text(p->report, "radio_model"));
	rc = begin(p, "energy-by-path", title);
	if (rc)
		return rc;
	fputs("$parts << EOD\npath accelerator host radio idle\n", p->f);
	json_array_foreach(json_object_get(p->report, "paths"), i, o)
	{
		if (read_real(o, "images") > 0)
			parts_row(p->f, read_text(o, "name"), json_object_get(o, "energy"), any);
	}
	json_object_foreach(totals, name, o)
		parts_row(p->f, name, json_object_get(o, "parts"), any);
	fputs("EOD\nset style data histogram\nset style fill solid 0.8 border -1\n"
	      "set boxwidth 0.9\nset logscale y\nset format y '%g'\n"
	      "set ylabel 'mJ per image (logarithmic)'\nset yrange [*:*]\n"
	      "set xlabel 'the paths alone, and the mean of all images: edge only, cloud only, "
	      "both' offset 0,-1\n",
	      p->f);
	for (int k = 0; k < PARTS; k++)
		if (any[k])
			n += (size_t)snprintf(what + n, sizeof(what) - n,
					      "%s$parts using %d:xtic(1) title columnheader",
					      n ? ", " : "", k + 2);
	return end(p, "energy-by-path", n ? what : "NaN title 'nothing is known'");
}

/* --- curves: accuracy over something ------------------------------------------------------- */

struct curve {
	const char *file, *label, *key;
	double scale;
};

/* Where a point of others lies on the axis: energy per image from joules of all images. */
static double of_others(const json_t *sweep, const json_t *point, const struct curve *c)
{
	if (!strcmp(c->key, "mj"))
		return read_real(point, "joules") / read_real(sweep, "images") * 1e3;
	return read_real(point, c->key) * c->scale;
}

/* Whether ours has a place on the axis at all. */
static bool known(const json_t *sweep, const struct curve *c)
{
	json_t *m;
	size_t i;

	json_array_foreach(sweep, i, m)
	{
		if (!isnan(read_real(m, c->key)) && !isnan(read_real(m, "accuracy")))
			return true;
	}
	return false;
}

static int plot_curve(struct plot *p, const struct curve *c)
{
	const char *data = read_text(p->report, "data"), *slash = strrchr(data, '/');
	char title[256], what[1200], variable[32];
	json_t *m, *s;
	size_t i, k, n;
	int rc;

	/* A title has no room for the folders above. */
	snprintf(title, sizeof(title), "%.60s on %.40s: accuracy over %s",
		 read_text(p->report, "bundle"), slash && slash[1] ? slash + 1 : data, c->label);
	rc = begin(p, c->file, title);
	if (rc)
		return rc;
	fputs("$ours << EOD\n", p->f);
	json_array_foreach(json_object_get(p->report, "sweep"), i, m)
	{
		data_real(p->f, read_real(m, c->key) * c->scale);
		data_real(p->f, 100 * read_real(m, "accuracy"));
		data_real(p->f, json_is_true(json_object_get(m, "pareto"))
					? 100 * read_real(m, "accuracy")
					: NAN);
		fputc('\n', p->f);
	}
	fputs("EOD\n", p->f);
	snprintf(title, sizeof(title), "%.60s here", read_text(p->report, "bundle"));
	put_variable(p->f, "ours", title);
	n = (size_t)snprintf(what, sizeof(what),
			     "$ours using 1:2 with linespoints pt 7 title ours, "
			     "$ours using 1:3 with points pt 6 ps 2 title 'Pareto front'");
	json_array_foreach(json_object_get(p->beside, "sweeps"), i, s)
	{
		bool any = false;

		fprintf(p->f, "$others%zu << EOD\n", i);
		json_array_foreach(json_object_get(s, "points"), k, m)
		{
			double x = of_others(s, m, c);

			any |= !isnan(x);
			data_real(p->f, x);
			data_real(p->f, 100 * read_real(m, "accuracy"));
			fputc('\n', p->f);
		}
		fputs("EOD\n", p->f);
		snprintf(title, sizeof(title), "%.40s: %.40s, %.40s", read_text(p->beside, "name"),
			 read_text(s, "network"), read_text(s, "data"));
		snprintf(variable, sizeof(variable), "others%zu", i);
		put_variable(p->f, variable, title);
		if (any && n < sizeof(what))
			n += (size_t)snprintf(what + n, sizeof(what) - n,
					      ", $%s using 1:2 with linespoints dt 2 pt 4 title %s",
					      variable, variable);
	}
	fprintf(p->f, "set xlabel '%s'\nset ylabel 'accuracy (%%)'\n", c->label);
	return end(p, c->file, what);
}

/* --- bars: energy of all images at the thresholds of others (figure 8) --------------------- */

static const json_t *point_at(const json_t *points, double threshold)
{
	json_t *m;
	size_t i;

	json_array_foreach(points, i,
			   m) if (fabs(read_real(m, "threshold") - threshold) < 1e-9) return m;
	return NULL;
}

static int plot_thresholds(struct plot *p, const json_t *others)
{
	const json_t *ours = json_object_get(p->report, "sweep");
	const json_t *cloud = json_object_get(json_object_get(p->report, "totals"), "cloud_only");
	double images = read_real(others, "images");
	char title[256];
	json_t *m;
	size_t i;
	int rc;

	snprintf(title, sizeof(title), "energy of %.0f images: %s here, %s %s", images,
		 read_text(p->report, "bundle"), read_text(p->beside, "name"),
		 read_text(others, "network"));
	rc = begin(p, "energy-by-threshold", title);
	if (rc)
		return rc;
	fputs("$bars << EOD\n", p->f);
	json_array_foreach(json_object_get(others, "points"), i, m)
	{
		double t = read_real(m, "threshold");
		const json_t *o = t > 0 ? point_at(ours, t) : cloud;

		if (t > 0)
			fprintf(p->f, "\"%g (%.0f%% / %.0f%% sent)\"", t,
				100 * read_real(o, "sent"), 100 * read_real(m, "sent"));
		else
			fputs("\"cloud only\"", p->f);
		data_real(p->f, read_real(o, "mj") * images * 1e-3);
		data_real(p->f, read_real(m, "joules"));
		fputc('\n', p->f);
	}
	fputs("EOD\nset style data histogram\nset style fill solid 0.8 border -1\n"
	      "set boxwidth 0.9\nset xlabel 'threshold, nats (share sent here / there)'\n"
	      "set ylabel 'J'\nset yrange [0:*]\nset xtics rotate by -20\n",
	      p->f);
	snprintf(title, sizeof(title), "%.60s here: %.30s and %.30s",
		 read_text(p->report, "bundle"), read_text(p->report, "accelerator_model"),
		 read_text(p->report, "radio_model"));
	put_variable(p->f, "ours", title);
	snprintf(title, sizeof(title), "%.40s: GPU and Wi-Fi", read_text(p->beside, "name"));
	put_variable(p->f, "others", title);
	return end(p, "energy-by-threshold",
		   "$bars using 2:xtic(1) title ours, $bars using 3 title others");
}

int bench_plot(const json_t *report, const json_t *beside, const char *dir)
{
	static const struct curve curves[] = {
		{"accuracy-energy", "energy of an image above idle (mJ)", "mj", 1},
		{"accuracy-sent", "share of images sent to the cloud (%)", "sent", 100},
		{"accuracy-latency", "mean latency (ms)", "latency_ms", 1},
	};
	struct plot p = {report, beside, dir, NULL};
	const json_t *others = json_array_get(json_object_get(beside, "sweeps"), 0);
	int rc = folder_make(dir);

	if (!rc)
		rc = plot_parts(&p);
	for (size_t i = 0; i < 3 && !rc; i++)
		if (known(json_object_get(report, "sweep"), &curves[i]))
			rc = plot_curve(&p, &curves[i]);
	if (!rc && others && json_object_get(report, "sweep"))
		rc = plot_thresholds(&p, others);
	return rc;
}

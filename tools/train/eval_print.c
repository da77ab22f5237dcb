// SPDX-License-Identifier: Apache-2.0
#include "eval.h"
#include "mea/files.h"
#include "mea/table.h"

#include <math.h>
#include <string.h>

/* One figure of a bundle: percent, and the paper's; NaN is unknown. */
struct cell {
	const char *table, *name;
	double ours, paper;
};

#define CELLS_MAX 32

static double percent(size_t part, size_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : NAN;
}

static void add(struct cell *c, int *n, const char *table, const char *name, double ours,
		double paper)
{
	c[(*n)++] = (struct cell){table, name, ours, paper};
}

static const char *text_of(const struct eval *e, const char *stage, const char *key)
{
	json_t *training = json_object_get(e->b->json, "training");

	return json_string_value(json_object_get(json_object_get(training, stage), key));
}

static const char *edge_text(const struct eval *e, const char *key)
{
	const char *text = text_of(e, "edge", key);

	return text ? text : text_of(e, "joint", key);
}

static struct mea_paper paper_of(const struct eval *e)
{
	const char *net = text_of(e, "main", "net"), *choice = edge_text(e, "choice");

	return mea_paper_figures(net ? net : e->b->name, e->data, e->b->n_hard,
				 choice && !strcmp(choice, "random"));
}

static void add_hard(const struct eval *e, const struct mea_paper *p, struct cell *c, int *n)
{
	static const char table[] = "II: images of hard classes";
	const struct mea_tables *tr = &e->train, *te = &e->test;
	size_t a = tr->f.hard_images, b = te->f.hard_images;

	add(c, n, table, "train, main", percent(tr->f.main_right_on_hard, a), p->train_main);
	add(c, n, table, "train, extension", percent(tr->f.extension_right_on_hard, a),
	    p->train_meanet);
	add(c, n, table, "test, main", percent(te->f.main_right_on_hard, b), p->test_main);
	add(c, n, table, "test, extension", percent(te->f.extension_right_on_hard, b),
	    p->test_meanet);
	add(c, n, table, "test, surer of both", percent(te->surer_right, b), NAN);
	/* The extension chooses among fewer classes; so may main, to be fair. */
	add(c, n, table, "test, main among hard classes", percent(te->masked_right, b), NAN);
}

static int cells_of(const struct eval *e, struct cell c[CELLS_MAX])
{
	static const char *const kinds[] = {"easy as hard", "hard as easy", "easy as other easy",
					    "hard as other hard"};
	const struct mea_tables *t = &e->test;
	struct mea_paper p = paper_of(e);
	size_t kind[4] = {t->easy_as_hard, t->hard_as_easy, t->easy_as_easy, t->hard_as_hard};
	size_t images = t->f.images, errors = images - t->f.main_right;
	int n = 0;

	if (e->b->n_hard) {
		static const char all[] = "III: all test images, edge only";

		add_hard(e, &p, c, &n);
		add(c, &n, all, "main", percent(t->f.main_right, images), p.all_main);
		add(c, &n, all, "MEANet", percent(t->f.cascade_right, images), p.all_meanet);
		add(c, &n, all, "easy/hard detection", percent(t->f.detected, images), p.detection);
		add(c, &n, all, "leave at main", percent(t->f.at_main, images), NAN);
		for (int i = 0; i < 4; i++)
			add(c, &n, "Figure 5: main's errors", kinds[i], percent(kind[i], errors),
			    p.errors[i]);
	} else {
		add(c, &n, "All test images", "main", percent(t->f.main_right, images), p.all_main);
	}
	if (e->has_cloud) {
		static const char cloud[] = "With the cloud, at the bundle's threshold";

		add(c, &n, cloud, "cloud alone", percent(t->cloud_right, images), NAN);
		add(c, &n, cloud, "edge and cloud", percent(t->joint_right, images), NAN);
		add(c, &n, cloud, "sent", percent(t->sent, images), NAN);
	}
	return n;
}

static void add_row(struct table *t, const char *name, int hard, const double v[6])
{
	table_text(t, "%s", name);
	table_text(t, "%d", hard);
	for (int i = 0; i < 6; i++)
		table_number(t, "%.2f", v[i]);
}

/* A row of tables IV and V, and below it the paper's. */
static void add_choice(struct table *t, const struct eval *e)
{
	const struct mea_tables *tr = &e->train, *te = &e->test;
	const char *join = edge_text(e, "join"), *choice = edge_text(e, "choice");
	struct mea_paper p = paper_of(e);
	char name[80];

	snprintf(name, sizeof(name), "%.32s%s%s%s", e->b->name, join ? ", " : "", join ? join : "",
		 choice && !strcmp(choice, "random") ? ", random" : "");
	add_row(t, name, e->b->n_hard,
		(const double[]){percent(te->f.detected, te->f.images),
				 percent(tr->f.main_right_on_hard, tr->f.hard_images),
				 percent(tr->f.extension_right_on_hard, tr->f.hard_images),
				 percent(te->f.main_right_on_hard, te->f.hard_images),
				 percent(te->f.extension_right_on_hard, te->f.hard_images),
				 percent(te->f.cascade_right, te->f.images)});
	add_row(t, "  the paper's", e->b->n_hard,
		(const double[]){p.detection, p.train_main, p.train_meanet, p.test_main,
				 p.test_meanet, p.all_meanet});
}

static int print_choices(const struct eval *e, int n, int width)
{
	static const struct column columns[] = {
		COLUMN_LEFT("  bundle", 0, 0),
		COLUMN("hard", 1),
		COLUMN("detected", 2),
		COLUMN("tr.main", 2),
		COLUMN("tr.ext.", 2),
		COLUMN("main", 0),
		COLUMN("ext.", 0),
		COLUMN("MEANet", 0),
	};
	struct table t = {.columns = columns, .n = 8};
	int rc;

	for (int i = 0; i < n; i++)
		if (e[i].b->n_hard)
			add_choice(&t, &e[i]);
	if (!t.n_cells)
		return 0;
	printf("\nIV and V: choice of classes and extension (%%)\n");
	rc = table_print(&t, width);
	text_print(width, 2,
		   "  (tr., main, ext.: training and test images of hard classes; MEANet: all test "
		   "images)");
	return rc;
}

int eval_print(const struct eval *e, int n, bool wide)
{
	static const struct column heads[] = {COLUMN_LEFT("", 0, 0), COLUMN("here", 0),
					      COLUMN("paper", 0)};
	int width = table_width(wide), rc = 0;

	for (int i = 0; i < n && !rc; i++) {
		struct cell c[CELLS_MAX];
		int cells = cells_of(&e[i], c);

		text_print(width, 0, "%s: %d classes, %d hard; %zu training and %zu test images",
			   e[i].b->name, e[i].b->n_classes, e[i].b->n_hard, e[i].train.f.images,
			   e[i].test.f.images);
		for (int j = 0; j < cells && !rc;) {
			struct column columns[3];
			struct table t = {.columns = columns, .n = 3};
			const char *table = c[j].table;

			memcpy(columns, heads, sizeof(heads));
			columns[0].head = table;
			for (; j < cells && !strcmp(table, c[j].table); j++) {
				table_text(&t, "  %-42s", c[j].name);
				table_number(&t, "%.2f", c[j].ours);
				table_number(&t, "%.2f", c[j].paper);
			}
			putchar('\n');
			rc = table_print(&t, width);
		}
	}
	return rc ? rc : print_choices(e, n, width);
}

int eval_json(const struct eval *e, int n)
{
	json_t *list = json_array();

	for (int i = 0; i < n; i++) {
		struct cell c[CELLS_MAX];
		int cells = cells_of(&e[i], c);
		json_t *figures = json_array();

		for (int j = 0; j < cells; j++)
			json_array_append_new(figures,
					      json_pack("{s:s, s:s, s:o, s:o}", "table", c[j].table,
							"figure", c[j].name, "here",
							tool_real_json(c[j].ours), "paper",
							tool_real_json(c[j].paper)));
		json_array_append_new(list, json_pack("{s:o, s:i, s:i, s:s?, s:s?, s:I, s:I, s:o}",
						      "bundle", tool_text(e[i].b->name), "classes",
						      e[i].b->n_classes, "hard", e[i].b->n_hard,
						      "choice", edge_text(&e[i], "choice"), "join",
						      edge_text(&e[i], "join"), "train_images",
						      (json_int_t)e[i].train.f.images,
						      "test_images", (json_int_t)e[i].test.f.images,
						      "figures", figures));
	}
	return tool_print_json(json_pack("{s:o}", "bundles", list));
}

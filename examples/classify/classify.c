// SPDX-License-Identifier: Apache-2.0
/*
 * Classifies pictures with libmea, several at a time:
 *
 *   classify BUNDLE PICTURE.ppm ...
 *
 * BUNDLE is a folder or the name of an installed bundle, such as glyphs. A picture is a binary PPM
 * of the size that the bundle takes (`convert cat.png -resize 32x32! cat.ppm`). With MEA_CLOUD set
 * to a server's URL, pictures that the edge is unsure of are sent there.
 */
#include <mea.h>

#include <stdio.h>
#include <stdlib.h>

/* Reads a PPM of just that size into rgb; 0 or -1 with a message. */
static int read_ppm(const char *path, int width, int height, uint8_t *rgb)
{
	size_t size = (size_t)width * (size_t)height * 3;
	FILE *f = fopen(path, "rb");
	int w = 0, h = 0, most = 0, rc = -1;

	if (f && fscanf(f, "P6 %d %d %d", &w, &h, &most) == 3 && fgetc(f) != EOF && w == width &&
	    h == height && most == 255 && fread(rgb, 1, size, f) == size)
		rc = 0;
	if (rc)
		fprintf(stderr, "%s: is no PPM of %d x %d pixels\n", path, width, height);
	if (f)
		fclose(f);
	return rc;
}

static void print(const struct mea_session *s, const struct mea_result *r, char **paths)
{
	if (r->error)
		printf("%s: %s\n", paths[r->tag], r->text);
	else
		printf("%s: %s, %.1f %%, at %s; %s\n", paths[r->tag], mea_class_name(s, r->label),
		       100 * (double)r->confidence, mea_exit_name(r->exit), mea_why_text(r->why));
}

/* Submits all pictures; collects results whenever the session has no room, and at the end. */
static int classify(struct mea_session *s, int n, char **paths)
{
	int width, height, bad = 0, rc;
	struct mea_result r;
	uint8_t *rgb;

	mea_input_size(s, &width, &height);
	rgb = malloc((size_t)width * (size_t)height * 3);
	if (!rgb)
		return 1;
	for (int i = 0; i < n; i++) {
		if (read_ppm(paths[i], width, height, rgb)) {
			bad = 1;
			continue;
		}
		/* The session copies the picture; the tag comes back with its result. */
		while ((rc = mea_submit(s, rgb, (uint64_t)i)) == MEA_EBUSY)
			if (!mea_collect(s, -1, &r))
				print(s, &r, paths);
		if (rc)
			bad = fprintf(stderr, "%s: %s\n", paths[i], mea_errmsg()) != 0;
	}
	/* MEA_ENOENT: nothing is under way any more. */
	while (!mea_collect(s, -1, &r)) {
		print(s, &r, paths);
		bad |= r.error != 0;
	}
	free(rgb);
	return bad;
}

int main(int argc, char **argv)
{
	struct mea_options o = MEA_OPTIONS_INIT;
	struct mea_session *s;
	int rc;

	if (argc < 3) {
		fprintf(stderr, "Usage: classify BUNDLE PICTURE.ppm ...\n");
		return 2;
	}
	o.cloud = getenv("MEA_CLOUD");
	if (mea_open(argv[1], &o, &s)) {
		fprintf(stderr, "classify: %s\n", mea_errmsg());
		return 1;
	}
	rc = classify(s, argc - 2, argv + 2);
	mea_close(s);
	return rc;
}

// SPDX-License-Identifier: Apache-2.0
/* glyphs as files, in the layout of CIFAR-100's binary version. */
#include "glyphs.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAMPLE (2 + MEA_GLYPHS_BYTES)
#define PLANE  (MEA_GLYPHS_SIZE * MEA_GLYPHS_SIZE)

struct job {
	const char *dir;
	uint64_t seed;
	size_t done, total;
	void (*progress)(size_t done, size_t total, void *ctx);
	void *ctx;
};

static void make_sample(uint64_t seed, enum mea_glyphs_split split, uint32_t index,
			uint8_t sample[SAMPLE])
{
	uint8_t rgb[MEA_GLYPHS_BYTES];
	int label = mea_glyph_draw(seed, split, index, rgb);

	sample[0] = label >= 10;
	sample[1] = (uint8_t)label;
	for (int i = 0; i < PLANE; i++)
		for (int k = 0; k < 3; k++)
			sample[2 + k * PLANE + i] = rgb[i * 3 + k];
}

static int put_images(struct job *job, FILE *f, enum mea_glyphs_split split, uint32_t n)
{
	uint8_t sample[SAMPLE];

	for (uint32_t i = 0; i < n; i++) {
		make_sample(job->seed, split, i, sample);
		if (fwrite(sample, 1, SAMPLE, f) != SAMPLE)
			return -1;
		job->done++;
		if (job->progress && job->done % 64 == 0)
			job->progress(job->done, job->total, job->ctx);
	}
	return 0;
}

static int put_names(FILE *f, int coarse)
{
	if (coarse)
		return fputs("digit\nletter\n", f) < 0 ? -1 : 0;
	for (int i = 0; i < MEA_GLYPHS_CLASSES; i++)
		if (fprintf(f, "%s\n", mea_glyph_name(i)) < 0)
			return -1;
	return 0;
}

/* what: 't'rain or 'T'est images, 'f'ine or 'c'oarse names. The file appears
 * under its name only when it is whole. */
static int write_file(struct job *job, const char *name, char what, uint32_t n)
{
	char path[4096], part[4100];
	FILE *f;
	int bad;

	if (snprintf(path, sizeof(path), "%s/%s", job->dir, name) >= (int)sizeof(path))
		return mea_fail(MEA_EINVAL, "%.64s…/%s: the path is too long", job->dir, name);
	snprintf(part, sizeof(part), "%s.tmp", path);
	f = fopen(part, "wb");
	if (!f)
		return mea_fail(MEA_EIO, "%s: %s", part, strerror(errno));
	if (what == 'f' || what == 'c')
		bad = put_names(f, what == 'c');
	else
		bad = put_images(job, f, what == 't' ? MEA_GLYPHS_TRAIN : MEA_GLYPHS_TEST, n);
	/* A full disk may show only when the buffer goes out. */
	if (fclose(f) || bad || rename(part, path)) {
		int err = errno;

		unlink(part);
		return mea_fail(MEA_EIO, "%s: cannot write: %s", path, strerror(err));
	}
	return 0;
}

int mea_glyphs_write(const char *dir, uint32_t n_train, uint32_t n_test, uint64_t seed,
		     void (*progress)(size_t done, size_t total, void *ctx), void *ctx)
{
	struct job job = {dir, seed, 0, (size_t)n_train + n_test, progress, ctx};
	int rc;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return mea_fail(MEA_EIO, "%s: cannot make the folder: %s", dir, strerror(errno));
	rc = write_file(&job, "train.bin", 't', n_train);
	if (!rc)
		rc = write_file(&job, "test.bin", 'T', n_test);
	if (!rc)
		rc = write_file(&job, "fine_label_names.txt", 'f', 0);
	if (!rc)
		rc = write_file(&job, "coarse_label_names.txt", 'c', 0);
	return rc;
}

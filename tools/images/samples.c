// SPDX-License-Identifier: Apache-2.0
/* Files of CIFAR samples: label bytes, then the planes of a 32x32 image. */
#include "source.h"

#include "base/error.h"
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIDE	 32
#define PLANE	 (SIDE * SIDE)
#define CIFAR10	 (1 + 3 * PLANE)
#define CIFAR100 (2 + 3 * PLANE)

static int get_sample(const struct mea_source *s, size_t i, const struct mea_data_want *want,
		      uint8_t *rgb, int *label)
{
	uint8_t raw[CIFAR100], pixels[3 * PLANE];
	const uint8_t *planes = raw + s->sample - 3 * PLANE;
	struct mea_image img = {SIDE, SIDE, pixels};
	ssize_t n = pread(s->fd, raw, (size_t)s->sample, (off_t)i * s->sample);

	if (n < 0)
		return mea_fail(MEA_EIO, "%s: sample %zu: %s", s->path, i, strerror(errno));
	if (n != s->sample)
		return mea_fail(MEA_EIO, "%s: sample %zu: the file has become shorter", s->path, i);
	*label = planes[-1];
	if (*label >= s->classes)
		return mea_fail(MEA_EINVAL, "%s: sample %zu: class %d, but there are %d classes",
				s->path, i, *label, s->classes);
	for (int p = 0; p < PLANE; p++)
		for (int k = 0; k < 3; k++)
			pixels[p * 3 + k] = planes[k * PLANE + p];
	return mea_image_resize(&img, &want->resize, want->width, want->height, rgb);
}

int mea_source_samples(const char *path, struct mea_source *s)
{
	struct stat st;

	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		return mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	if (fstat(s->fd, &st))
		return mea_fail(MEA_EIO, "%s: %s", path, strerror(errno));
	if (st.st_size > 0 && st.st_size % CIFAR100 == 0)
		s->sample = CIFAR100;
	else if (st.st_size > 0 && st.st_size % CIFAR10 == 0)
		s->sample = CIFAR10;
	else
		return mea_fail(MEA_EINVAL,
				"%s: neither PNG nor JPEG, and its %lld bytes are no whole number "
				"of CIFAR-100 (%d) or CIFAR-10 (%d) samples",
				path, (long long)st.st_size, CIFAR100, CIFAR10);
	s->count = (size_t)(st.st_size / s->sample);
	if (!s->classes)
		s->classes = s->sample == CIFAR100 ? 100 : 10;
	s->get = get_sample;
	s->path = strdup(path);
	return s->path ? 0 : mea_nomem();
}

// SPDX-License-Identifier: Apache-2.0
/* LD_PRELOAD: counts a program's ioctls, and at its end adds a line to the file $IOCTLS. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <drm.h>

#include "mea_accel.h"

static atomic_uint all, submits, creates;

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int fd, unsigned long request, ...);
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "ioctl");
	all += _IOC_TYPE(request) == DRM_IOCTL_BASE || _IOC_TYPE(request) == '>';
	submits += request == DRM_IOCTL_MEA_SUBMIT;
	creates += request == DRM_IOCTL_MEA_BO_CREATE;
	return next(fd, request, arg);
}

__attribute__((destructor)) static void print(void)
{
	FILE *f = getenv("IOCTLS") ? fopen(getenv("IOCTLS"), "a") : NULL;

	if (!f)
		return;
	fprintf(f, "%u %u %u\n", all, submits, creates);
	fclose(f);
}

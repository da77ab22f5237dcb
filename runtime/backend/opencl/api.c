// SPDX-License-Identifier: Apache-2.0
#include "backend/opencl/api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "base/error.h"

#define LOADER "libOpenCL.so.1"

const struct mea_cl_api *mea_cl;

static struct mea_cl_api loaded;
static char why[160];

static void load(void)
{
	void *lib = dlopen(LOADER, RTLD_NOW | RTLD_LOCAL);

	if (!lib) {
		snprintf(why, sizeof(why), "no OpenCL here: %s", dlerror());
		return;
	}
#define MEA_CL_FIND(name)                                                                          \
	*(void **)(&loaded.name) = dlsym(lib, #name);                                              \
	if (!loaded.name) {                                                                        \
		snprintf(why, sizeof(why), "%s lacks %s", LOADER, #name);                          \
		return;                                                                            \
	}
	MEA_CL_CALLS(MEA_CL_FIND)
#undef MEA_CL_FIND
	mea_cl = &loaded;
}

int mea_cl_load(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (mea_cl)
		return 0;
	pthread_once(&once, load);
	return mea_cl ? 0 : mea_fail(MEA_ENODEV, "%s", why);
}

const char *mea_cl_error_name(cl_int code)
{
	static const struct {
		cl_int code;
		const char *name;
	} names[] = {
#define NAME(x) {x, #x}
		NAME(CL_DEVICE_NOT_FOUND),
		NAME(CL_DEVICE_NOT_AVAILABLE),
		NAME(CL_COMPILER_NOT_AVAILABLE),
		NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE),
		NAME(CL_OUT_OF_RESOURCES),
		NAME(CL_OUT_OF_HOST_MEMORY),
		NAME(CL_BUILD_PROGRAM_FAILURE),
		NAME(CL_MAP_FAILURE),
		NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
		NAME(CL_INVALID_VALUE),
		NAME(CL_INVALID_DEVICE),
		NAME(CL_INVALID_BINARY),
		NAME(CL_INVALID_KERNEL_NAME),
		NAME(CL_INVALID_BUFFER_SIZE),
		NAME(CL_INVALID_OPERATION),
#undef NAME
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			return names[i].name;
	/* What the ICD loader says when it finds no driver. */
	return code == -1001 ? "CL_PLATFORM_NOT_FOUND" : "error";
}

int mea_cl_check(cl_int code, const char *call)
{
	int rc = MEA_EDEVICE;

	if (code == CL_SUCCESS)
		return 0;
	if (code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_HOST_MEMORY ||
	    code == CL_INVALID_BUFFER_SIZE)
		rc = MEA_ENOMEM;
	if (code == CL_DEVICE_NOT_AVAILABLE)
		rc = MEA_ENODEV;
	return mea_fail(rc, "%s: %s (%d)", call, mea_cl_error_name(code), (int)code);
}

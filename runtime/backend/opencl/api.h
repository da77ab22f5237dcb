/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of OpenCL 1.2 that the backend makes, through a table: the loader
 * library is opened when it is first needed, so mea runs where there is none, and
 * a test can stand in for a device that fails.
 */
#ifndef MEA_OPENCL_API_H
#define MEA_OPENCL_API_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#define MEA_CL_CALLS(X)                                                                            \
	X(clGetPlatformIDs)                                                                        \
	X(clGetPlatformInfo)                                                                       \
	X(clGetDeviceIDs)                                                                          \
	X(clGetDeviceInfo)                                                                         \
	X(clCreateSubDevices)                                                                      \
	X(clReleaseDevice)                                                                         \
	X(clCreateContext)                                                                         \
	X(clReleaseContext)                                                                        \
	X(clCreateCommandQueue)                                                                    \
	X(clCreateProgramWithSource)                                                               \
	X(clCreateProgramWithBinary)                                                               \
	X(clBuildProgram)                                                                          \
	X(clGetProgramBuildInfo)                                                                   \
	X(clGetProgramInfo)                                                                        \
	X(clReleaseProgram)                                                                        \
	X(clCreateKernel)                                                                          \
	X(clSetKernelArg)                                                                          \
	X(clReleaseKernel)                                                                         \
	X(clCreateBuffer)                                                                          \
	X(clReleaseMemObject)                                                                      \
	X(clEnqueueMapBuffer)                                                                      \
	X(clEnqueueUnmapMemObject)                                                                 \
	X(clEnqueueNDRangeKernel)                                                                  \
	X(clSetEventCallback)                                                                      \
	X(clRetainEvent)                                                                           \
	X(clReleaseEvent)                                                                          \
	X(clFlush)                                                                                 \
	X(clFinish)

struct mea_cl_api {
#define MEA_CL_POINTER(name) __typeof__(&(name)) name;
	MEA_CL_CALLS(MEA_CL_POINTER)
#undef MEA_CL_POINTER
};

/* Set by mea_cl_load() unless it is set already. */
extern const struct mea_cl_api *mea_cl;

/* Opens the loader library; MEA_ENODEV when there is none. */
int mea_cl_load(void);

/* Name of an error code ("CL_OUT_OF_RESOURCES"); never NULL. */
const char *mea_cl_error_name(cl_int code);

/* MEA code and message of a failed call; 0 for CL_SUCCESS. */
int mea_cl_check(cl_int code, const char *call);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's source inside the library. */
#ifndef MEA_OPENCL_SOURCE_H
#define MEA_OPENCL_SOURCE_H

/* The files in the order in which they are one program; the last is NULL. */
#define MEA_CL_SOURCES 9
extern const char *const mea_cl_sources[MEA_CL_SOURCES + 1];

#endif

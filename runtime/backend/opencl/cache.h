/* SPDX-License-Identifier: Apache-2.0 */
/* Built kernels in files under the XDG cache folder, checked when they are read. */
#ifndef MEA_OPENCL_CACHE_H
#define MEA_OPENCL_CACHE_H

#include <stdbool.h>
#include <stddef.h>

/* A file's name without folder, from the texts that decide what a kernel is. */
#define MEA_CL_KEY 65
void mea_cl_cache_key(const char *const *texts, int n, char key[MEA_CL_KEY]);

/* The kept bytes, which the caller frees; NULL when there are none. A broken file is
 * noted (note.h) and taken for none. */
unsigned char *mea_cl_cache_get(const char *key, size_t *size);

/* Keeps them; what is in the way is noted, once per process. */
void mea_cl_cache_put(const char *key, const unsigned char *bytes, size_t size);

/*
 * Points pocl to a folder for its kernels, before the first OpenCL call: that of
 * POCL_CACHE_DIR, or one of mea's below the user's cache folder. Where neither can be
 * used (read-only, full, noexec), one for temporary files, with a note.
 */
void mea_cl_cache_pocl(void);

/* Points pocl to an empty folder instead; false where the user chose it. */
bool mea_cl_cache_pocl_anew(void);
/* Undoes that, when it did not help. */
void mea_cl_cache_pocl_back(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmea: early-exit image classification on an FPGA accelerator, its
 * simulation, or a CPU. The only public header.
 */
#ifndef MEA_H
#define MEA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Every function that can fail returns 0 or a negative code of this table and
 * leaves a sentence for the calling thread in mea_errmsg() that names the file,
 * node, field, flag or device at fault.
 */
#define MEA_ERROR_MAP(X)                                                                           \
	X(EINVAL, 1, "invalid argument or file content")                                           \
	X(ENOMEM, 2, "out of memory")                                                              \
	X(EIO, 3, "input/output error")                                                            \
	X(ENOENT, 4, "no such file, device or name")                                               \
	X(EUNSUPPORTED, 5, "valid, but not supported")                                             \
	X(EDEVICE, 6, "the device reported a fault")                                               \
	X(ETIMEDOUT, 7, "a time limit ran out")                                                    \
	X(ENODEV, 8, "the device is gone or was never there")                                      \
	X(EBUSY, 9, "a bounded queue is full; collect results first")                              \
	X(ECLOUD, 10, "the cloud did not give a usable answer")

enum mea_error {
	MEA_OK = 0,
#define MEA_ERROR_ENUM(name, number, text) MEA_##name = -(number),
	MEA_ERROR_MAP(MEA_ERROR_ENUM)
#undef MEA_ERROR_ENUM
};

/* Name ("EINVAL") and meaning of a code; never NULL. */
const char *mea_error_name(int code);
const char *mea_error_text(int code);

/* What the last failed call of this thread said; "" before the first failure. */
const char *mea_errmsg(void);

#ifdef __cplusplus
}
#endif
#endif

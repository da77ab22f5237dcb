/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HOT before a function compiles it once per instruction set; the loader picks
 * the best that the CPU has. The sanitisers do not get along with that, and
 * other compilers and CPUs take the plain version.
 */
#ifndef MEA_HOT_H
#define MEA_HOT_H

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) &&                             \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HOT                                                                                        \
	__attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"),               \
		       optimize("O3")))
#elif defined(__GNUC__) && !defined(__clang__)
#define HOT __attribute__((optimize("O3")))
#else
#define HOT
#endif

#endif

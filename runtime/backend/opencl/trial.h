/* SPDX-License-Identifier: Apache-2.0 */
/* A driver's first start, in a child process. */
#ifndef MEA_OPENCL_TRIAL_H
#define MEA_OPENCL_TRIAL_H

/*
 * Runs open(ctx) in a child process and gives its result and message; its notes become this
 * thread's. OpenCL drivers end the process on a broken cache, a full disk or a sandbox: what ends
 * the child becomes MEA_EDEVICE with its last words, and a child that is not done after limit_ms
 * MEA_ETIMEDOUT.
 *
 * For a process that has not used OpenCL yet. Other threads may run; should the child meet a lock
 * that one of them held, it is ended by that limit.
 */
int mea_cl_trial(int (*open)(void *ctx), void *ctx, int limit_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* How many processors this process may use. */
#ifndef MEA_SERVE_CPUS_H
#define MEA_SERVE_CPUS_H

/* Those of its affinity, or fewer where a control group limits its time. At least 1. */
int mea_cpus(void);

/*
 * Processors' worth of time that control groups leave, rounded up; 0: no limit. membership is a
 * file as /proc/self/cgroup (cgroups(7), both versions), root where control groups are mounted. The
 * least of a group and of those around it counts.
 */
int mea_cpus_quota(const char *membership, const char *root);

#endif

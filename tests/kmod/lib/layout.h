/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel interface does not move, and is the same for 32 and 64 bits: compiled for both. */
#ifndef MEA_KMOD_LAYOUT_H
#define MEA_KMOD_LAYOUT_H

#include <stddef.h>

#include "mea_accel.h"

#define AT(type, member, offset)                                                                   \
	_Static_assert(offsetof(struct type, member) == (offset), #type "." #member)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

AT(drm_mea_info, version, 0);
AT(drm_mea_info, config, 4);
AT(drm_mea_info, clock_khz, 24);
AT(drm_mea_info, timeout_ms, 28);
AT(drm_mea_info, max_slot_size, 32);
AT(drm_mea_info, config5, 40);
SIZE(drm_mea_info, 48);

AT(drm_mea_bo_create, size, 0);
AT(drm_mea_bo_create, flags, 8);
AT(drm_mea_bo_create, handle, 12);
AT(drm_mea_bo_create, mmap_offset, 16);
SIZE(drm_mea_bo_create, 24);

AT(drm_mea_slot, handle, 0);
AT(drm_mea_slot, flags, 4);
AT(drm_mea_slot, offset, 8);
AT(drm_mea_slot, size, 16);
SIZE(drm_mea_slot, 24);

AT(drm_mea_submit, slots, 0);
AT(drm_mea_submit, in_syncs, 8);
AT(drm_mea_submit, slot_count, 16);
AT(drm_mea_submit, in_sync_count, 20);
AT(drm_mea_submit, out_sync, 24);
AT(drm_mea_submit, flags, 28);
AT(drm_mea_submit, cmd_offset, 32);
AT(drm_mea_submit, cmd_count, 36);
AT(drm_mea_submit, budget, 40);
AT(drm_mea_submit, record_slot, 44);
AT(drm_mea_submit, record_offset, 48);
AT(drm_mea_submit, tag, 52);
SIZE(drm_mea_submit, 56);

_Static_assert(DRM_IOCTL_MEA_INFO == 0x80306440, "INFO");
_Static_assert(DRM_IOCTL_MEA_BO_CREATE == 0xc0186441, "BO_CREATE");
_Static_assert(DRM_IOCTL_MEA_SUBMIT == 0x40386442, "SUBMIT");

#endif

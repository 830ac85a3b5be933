// SPDX-License-Identifier: BSD-2-Clause
// EFI_MP_SERVICES_PROTOCOL (PI 1.7, volume 2, 13.3 "MP Services Protocol"): gnu-efi doesn't have it.
#pragma once

#include <efi.h>

#define MP_SERVICES_GUID {0x3fdda605, 0xa76e, 0x4f46, {0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08}}

#define MP_IS_BSP     1u
#define MP_IS_ENABLED 2u
#define MP_IS_HEALTHY 4u

struct mp_info {
    UINT64 apic_id;
    UINT32 status;  // MP_IS_...
    UINT32 package, core, thread;
    UINT32 extended[6];
};

struct mp_services {
    EFI_STATUS (EFIAPI *count)(struct mp_services *self, UINTN *all, UINTN *enabled);
    EFI_STATUS (EFIAPI *info)(struct mp_services *self, UINTN number, struct mp_info *info);
    void *start_all;
    EFI_STATUS (EFIAPI *start_this)(struct mp_services *self, void (EFIAPI *procedure)(void *), UINTN number, EFI_EVENT event,
                                    UINTN microseconds, void *argument, BOOLEAN *finished);
    void *switch_bsp;
    void *enable_disable;
    EFI_STATUS (EFIAPI *who_am_i)(struct mp_services *self, UINTN *number);
};

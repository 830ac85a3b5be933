/* SPDX-License-Identifier: BSD-2-Clause */
/* EFI_MP_SERVICES_PROTOCOL (UEFI PI 1.7 volume 2, 13.3), as much of it as counting and starting CPUs takes. */
#pragma once

#include <efi.h>

#define MP_SERVICES_GUID \
    { 0x3fdda605, 0xa76e, 0x4f46, { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 } }

#define MP_PROCESSOR_ENABLED 2U

struct mp_processor {
    UINT64 processor_id; /* the local APIC ID */
    UINT32 status;
    UINT32 package, core, thread;
    UINT64 extended[3];
};

struct mp_services {
    EFI_STATUS (EFIAPI *count)(struct mp_services *self, UINTN *all, UINTN *enabled);
    EFI_STATUS (EFIAPI *info)(struct mp_services *self, UINTN number, struct mp_processor *out);
    void *start_all;
    EFI_STATUS (EFIAPI *start_this)(struct mp_services *self, void (EFIAPI *procedure)(void *), UINTN number, EFI_EVENT event,
                                    UINTN microseconds, void *argument, BOOLEAN *finished);
    void *switch_bsp, *enable_disable;
    EFI_STATUS (EFIAPI *who_am_i)(struct mp_services *self, UINTN *number);
};

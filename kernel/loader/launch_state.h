// SPDX-License-Identifier: BSD-2-Clause
// One CPU as the firmware left it: what VMX or the kernel changes. Filled on that CPU just before it enters the kernel.
#pragma once

#include "../boot_info.h"
#include "../descriptor.h"

// A segment register as VMX wants it: access rights as in SDM 3C 25.4.1 "Guest Register State".
struct launch_segment { uint64_t base; uint32_t limit; uint32_t access_rights; uint16_t selector; uint16_t reserved[3]; };

enum { LAUNCH_ES, LAUNCH_CS, LAUNCH_SS, LAUNCH_DS, LAUNCH_FS, LAUNCH_GS, LAUNCH_LDTR, LAUNCH_TR, LAUNCH_SEGMENTS };
struct launch_state {
    struct launch_entry entry;        // switch.S
    uint64_t cr0, cr3, cr4, dr7, efer, pat, debugctl;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    struct launch_segment segment[LAUNCH_SEGMENTS];
    uint64_t gdtr_base, idtr_base;
    uint16_t gdtr_limit, idtr_limit;
    struct table_register host_gdtr;  // L0's
    uint64_t host_cr0;                // L0's
};

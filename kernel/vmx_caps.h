// SPDX-License-Identifier: BSD-2-Clause
// What the CPU's VMX can do and what L0 makes of it. Made by the loader from the capability MSRs and vmx_control.def.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/info.h>
#include <caps/vmcs_feature.h>

struct vmx_caps {
    uint64_t msr[VMX_MSR_COUNT];         // IA32_VMX_BASIC and following, as the CPU reports them; 0 where it has none
    uint32_t allowed0[WORD_COUNT];       // control bits that must be 1 (the TRUE MSRs' where there are any)
    uint32_t allowed1[WORD_COUNT];       // control bits that may be 1
    uint32_t forced1[WORD_COUNT];        // FORCED: 1 in every VMCS01 and VMCS02
    uint32_t forced0[WORD_COUNT];        // NEVER: 0 in every VMCS02
    uint32_t vmcs01[WORD_COUNT];         // VMCS01's controls while nothing is pending
    uint32_t revision;                   // VMCS revision identifier
    uint32_t physical_bits;              // MAXPHYADDR
    uint64_t feature_control;            // IA32_FEATURE_CONTROL as L1 finds it
    uint64_t cr0_fixed0;                 // CR0 bits that VMX needs at 1 in an unrestricted guest
    uint64_t cr4_fixed0, cr4_supported;  // CR4 bits that VMX needs at 1; that this CPU can set
    uint64_t host_cr0, host_cr4;         // L0's own
    bool shadowing;                      // VMCS shadowing, with exit information that can be written: then each CPU has a shadow VMCS
    uint64_t vmread_bitmap, vmwrite_bitmap;  // L1's then, by group.def: host-physical
    bool write_any_field;                // VMWRITE to exit information works (IA32_VMX_MISC bit 29)
    bool pcid, invpcid;                  // L0 uses them; without, loading CR3 flushes
    bool ept_2m, ept_1g, ept_execute_only;
};

// All CPUs'. The loader has checked on each that it has what L0 needs, and the same as the others (loader/vtx.c).
extern const struct vmx_caps *vmx_caps;

// IA32_VMX_MISC as an index into msr[]; the others that L0 knows: loader/controls.c.
#define VMX_CAP_MISC 5

// SPDX-License-Identifier: BSD-2-Clause
// The info page: what the kernel tells every partition about the machine. Read-only, at INFO_BASE, constant after boot.
#pragma once

#include <stddef.h>
#include <stdint.h>

// IA32_VMX_BASIC (0x480) to IA32_VMX_VMFUNC (0x491), by MSR number - 0x480 (SDM 3D appendix A); 0 where the CPU has none.
#define VMX_MSR_FIRST 0x480u
#define VMX_MSR_COUNT 18u

struct info {
    uint32_t abi;               // CAP_ABI
    uint32_t cpu_count;
    uint32_t partition;         // this partition's index
    uint32_t physical_bits;     // MAXPHYADDR
    uint32_t linear_bits;       // of linear addresses: 57 where the CPU can do 5-level paging, else 48
    uint32_t shadowing;         // 1: the kernel offers OP_SHADOW (VMCS_HANDLE_SHADOW exists)
    uint64_t cr4_supported;     // CR4 bits that this CPU can set
    uint64_t feature_control;   // IA32_FEATURE_CONTROL
    uint64_t canary;            // FS base is INFO_BASE: where code with a stack protector finds its value
    uint64_t state;             // RIGHT_PAL: where the state region lies, as an L1-physical address for OP_EPT_MAP; else 0
    uint64_t vmx_msr[VMX_MSR_COUNT]; // as the CPU reports them
    uint64_t forced1[5];        // by enum control_word: bits that the kernel sets in every VMCS02's controls
    uint64_t forced0[5];        // and clears
    uint64_t debugctl_some;     // which of the bits of IA32_DEBUGCTL that not every CPU with VMX has this one has: 2, 14, 15
};
_Static_assert(offsetof(struct info, canary) == 0x28, "x86-64 psABI: the stack protector's value is at %fs:0x28");

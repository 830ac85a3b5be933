// SPDX-License-Identifier: BSD-2-Clause
// What VMX L1 is shown: the capability MSRs (SDM 3D appendix A "VMX Capability Reporting Facility") and IA32_FEATURE_CONTROL.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/vmcs_feature.h>

#include "message.h"

#define MSR_FEATURE_CONTROL 0x3au
#define MSR_VMX_FIRST       0x480u
#define MSR_VMX_LAST        0x491u

#define FEATURE_CONTROL_LOCK  (1ull << 0)
#define FEATURE_CONTROL_VMXON (1ull << 2)  // outside SMX operation

// Bits of IA32_VMX_EPT_VPID_CAP, and of IA32_VMX_MISC.
#define EPT_CAP_EXECUTE_ONLY (1ull << 0)
#define EPT_CAP_WALK_4       (1ull << 6)
#define EPT_CAP_UC           (1ull << 8)
#define EPT_CAP_WB           (1ull << 14)
#define EPT_CAP_2M           (1ull << 16)
#define EPT_CAP_1G           (1ull << 17)
#define EPT_CAP_INVEPT       (1ull << 20)
#define EPT_CAP_FLAGS        (1ull << 21)  // accessed and dirty
#define EPT_CAP_ADVANCED     (1ull << 22)  // more about violations in the exit qualification
#define EPT_CAP_INVEPT_ONE   (1ull << 25)
#define EPT_CAP_INVEPT_ALL   (1ull << 26)
#define VPID_CAP_INVVPID     (1ull << 32)
#define VPID_CAP_TYPE(type)  (1ull << (40 + (type)))
#define MISC_STORES_LMA      (1ull << 5)
#define MISC_HLT             (1ull << 6)
#define MISC_SHUTDOWN        (1ull << 7)
#define MISC_WAIT_SIPI       (1ull << 8)
#define MISC_WRITE_INFO      (1ull << 29)  // VMWRITE to read-only fields
#define MISC_LENGTH_0        (1ull << 30)  // software events may be injected with instruction length 0

// The VMCS revision identifier of VMCS12 regions: not that of any CPU, so that nobody takes one for the other.
#define VMCS12_REVISION 0x00424b31u
// Beside it in a region's first word: the shadow-VMCS indicator (SDM 3C 25.2 "Format of the VMCS Region").
#define VMCS12_SHADOW_INDICATOR 0x80000000u

// Computes everything from the info page. In MSG_INIT.
void vmcap_init(void);

// The value of IA32_VMX_BASIC to IA32_VMX_VMFUNC; false where L1 has no such MSR.
bool vmcap_msr(uint32_t msr, uint64_t *value);

// The controls that L1 may set, and those that it must (by the TRUE MSRs where the CPU has them).
uint32_t vmcap_allowed1(enum control_word word);
uint32_t vmcap_must1(enum control_word word);
bool vmcap_controls_ok(enum control_word word, uint64_t value);

uint64_t vmcap_misc(void);
uint64_t vmcap_vmfunc(void);  // VM functions; IA32_VMX_VMFUNC
uint64_t vmcap_ept(void);  // IA32_VMX_EPT_VPID_CAP
bool vmcap_error_codes_free(void);  // exceptions may be injected with or without error code, whatever the vector

// Whether CR0 or CR4 has all bits that VMX operation fixes. ignore: bits that needn't be 1.
bool vmcap_cr0_ok(uint64_t cr0, uint64_t ignore);
bool vmcap_cr4_ok(uint64_t cr4);

// Exits 10 and 20: RDMSR and WRMSR of these MSRs.
void vmcap_rdmsr(struct message *m);
void vmcap_wrmsr(struct message *m);

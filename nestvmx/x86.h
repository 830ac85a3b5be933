// SPDX-License-Identifier: BSD-2-Clause
// Bits of RFLAGS, control registers and MSRs (SDM 3A 2.3 "System Flags and Fields in the EFLAGS Register", 2.5 "Control Registers",
// 2.2.1 "Extended Feature Enable Register").
#pragma once

#define RFLAGS_CF (1ull << 0)
#define RFLAGS_ZF (1ull << 6)
#define RFLAGS_TF (1ull << 8)
#define RFLAGS_RF (1ull << 16)
#define RFLAGS_VM (1ull << 17)
#define CR0_PE    (1ull << 0)
#define CR0_MP    (1ull << 1)
#define CR0_EM    (1ull << 2)
#define CR0_TS    (1ull << 3)
#define CR0_PG    (1ull << 31)
#define CR4_PAE   (1ull << 5)
#define CR4_LA57  (1ull << 12)
#define CR4_VMXE  (1ull << 13)
#define CR4_PCIDE (1ull << 17)
#define CR4_LAM_SUP (1ull << 28)
#define CR3_LAM   (3ull << 61)
#define EFER_SCE  (1ull << 0)
#define EFER_LME  (1ull << 8)
#define EFER_LMA  (1ull << 10)
#define EFER_NXE  (1ull << 11)
#define DEBUGCTL_BTF      (1ull << 1)            // steps from branch to branch
#define DEBUGCTL_ALL      0x1fc3ull              // what every CPU with VMX has
#define DEBUGCTL_RESERVED 0xffffffffffff0038ull  // SDM 3D table "IA-32 Architectural MSRs": bits that no CPU with VMX has
#define MSR_PAT   0x277u
#define MSR_EFER  0xc0000080u

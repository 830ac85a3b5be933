// SPDX-License-Identifier: BSD-2-Clause
// Registers' bits, MSRs, selectors (SDM 3A 2.5 "Control Registers", 4 appendices of 3D for VMX).
#pragma once

#define CR0_PE  (1ull << 0)
#define CR0_MP  (1ull << 1)
#define CR0_EM  (1ull << 2)
#define CR0_TS  (1ull << 3)
#define CR0_NE  (1ull << 5)
#define CR0_WP  (1ull << 16)
#define CR0_NW  (1ull << 29)
#define CR0_CD  (1ull << 30)
#define CR0_PG  (1ull << 31)
#define CR4_TSD (1ull << 2)
#define CR4_DE  (1ull << 3)
#define CR4_PAE (1ull << 5)
#define CR4_PGE (1ull << 7)
#define CR4_OSFXSR  (1ull << 9)
#define CR4_VMXE    (1ull << 13)
#define CR4_PCIDE   (1ull << 17)
#define CR4_OSXSAVE (1ull << 18)

#define FLAG_FIXED 0x2ull
#define FLAG_CF (1ull << 0)
#define FLAG_ZF (1ull << 6)
#define FLAG_TF (1ull << 8)
#define FLAG_IF (1ull << 9)
#define FLAG_RF (1ull << 16)
#define FLAG_VM (1ull << 17)

#define EFER_SCE 1ull
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

#define MSR_TSC             0x10
#define MSR_APIC_BASE       0x1b
#define MSR_FEATURE_CONTROL 0x3a
#define MSR_TSC_ADJUST      0x3b
#define MSR_SYSENTER_CS     0x174
#define MSR_SYSENTER_ESP    0x175
#define MSR_SYSENTER_EIP    0x176
#define MSR_MCG_CAP         0x179
#define MSR_DEBUGCTL        0x1d9
#define MSR_MTRR_PHYSBASE5  0x20a
#define MSR_MTRR_PHYSMASK5  0x20b
#define MSR_MTRR_PHYSBASE6  0x20c
#define MSR_PAT             0x277
#define MSR_MTRR_DEFAULT    0x2ff
#define CPUID_VMX           (1u << 5)  // in ECX of leaf 1
#define MSR_MC0_ADDR        0x402
#define MSR_MC0_MISC        0x403
#define MSR_MC1_ADDR        0x406
#define MSR_VMX_BASIC       0x480
#define MSR_VMX_MISC        0x485
#define MSR_VMX_CR0_FIXED0  0x486
#define MSR_VMX_CR0_FIXED1  0x487
#define MSR_VMX_CR4_FIXED0  0x488
#define MSR_VMX_CR4_FIXED1  0x489
#define MSR_VMX_ENUM        0x48a
#define MSR_VMX_PROC2       0x48b
#define MSR_VMX_EPT_VPID    0x48c
#define MSR_VMX_VMFUNC      0x491
#define MSR_XSS             0xda0
#define MSR_EFER            0xc0000080
#define MSR_STAR            0xc0000081
#define MSR_LSTAR           0xc0000082
#define MSR_FMASK           0xc0000084
#define MSR_FS_BASE         0xc0000100
#define MSR_GS_BASE         0xc0000101
#define MSR_KERNEL_GS_BASE  0xc0000102

// VM-instruction errors (SDM 3C 31.4 "VM Instruction Error Numbers").
#define ERROR_VMCALL_IN_ROOT     1
#define ERROR_VMCLEAR_ADDRESS    2
#define ERROR_VMCLEAR_VMXON      3
#define ERROR_VMLAUNCH_NOT_CLEAR 4
#define ERROR_VMRESUME_CLEAR     5
#define ERROR_ENTRY_CONTROLS     7
#define ERROR_ENTRY_HOST         8
#define ERROR_VMPTRLD_ADDRESS    9
#define ERROR_VMPTRLD_VMXON      10
#define ERROR_VMPTRLD_REVISION   11
#define ERROR_NO_FIELD           12
#define ERROR_READ_ONLY          13
#define ERROR_VMXON_IN_ROOT      15
#define ERROR_ENTRY_MOV_SS       26
#define ERROR_INVALIDATE_OPERAND 28

// Event information, in VM-entry interruption information and what exits report (SDM 3C 25.8.3, 25.9.2).
#define EVENT_VALID     (1u << 31)
#define EVENT_ERROR     (1u << 11)
#define EVENT_NMI_IRET  (1u << 12)  // exits only: NMIs were unblocked by an IRET
#define EVENT_EXTERNAL  (0u << 8)
#define EVENT_NMI       (2u << 8)
#define EVENT_HARDWARE  (3u << 8)
#define EVENT_SOFTWARE  (4u << 8)
#define EVENT_PRIVILEGED (5u << 8)
#define EVENT_SOFTWARE_EXCEPTION (6u << 8)
#define EVENT_OTHER     (7u << 8)

#define BLOCKED_STI   1u
#define BLOCKED_MOV_SS 2u
#define BLOCKED_SMI   4u
#define BLOCKED_NMI   8u

#define ACTIVE 0u
#define HALTED 1u
#define SHUTDOWN 2u
#define WAIT_FOR_SIPI 3u

enum { VECTOR_DE, VECTOR_DB, VECTOR_NMI, VECTOR_BP, VECTOR_OF, VECTOR_BR, VECTOR_UD, VECTOR_NM, VECTOR_DF, VECTOR_TS = 10, VECTOR_NP,
       VECTOR_SS, VECTOR_GP, VECTOR_PF, VECTOR_MF = 16, VECTOR_AC, VECTOR_VE = 20 };

#define SELECTOR_CODE   0x08
#define SELECTOR_DATA   0x10
#define SELECTOR_TASK   0x18
#define SELECTOR_CODE32 0x28
#define SELECTOR_CODE16 0x30
#define SELECTOR_DATA16 0x38
#define SELECTOR_USER_DATA 0x43
#define SELECTOR_USER_CODE 0x4b

#define RIGHTS_CODE64   0xa09b
#define RIGHTS_CODE32   0xc09b
#define RIGHTS_CODE16   0x9b
#define RIGHTS_DATA     0xc093
#define RIGHTS_DATA16   0x93
#define RIGHTS_USER     0x60
#define RIGHTS_UNUSABLE 0x10000
#define RIGHTS_TASK     0x8b
#define RIGHTS_LDT      0x82

// SPDX-License-Identifier: BSD-2-Clause
// The rows that the bench prints. Each measures and prints one or more.
#pragma once

// L1 alone, before VMXON.
void row_l1_cpuid(void);
void row_null_message(void);     // nothing where no partition answers
// L1 in VMX operation, L2 has exited with CPUID.
void row_vmx_instructions(void);
void row_l2_cpuid(void);
void row_l2_resolved(void);
void row_ept02(void);
void row_invept(void);
void row_vmclear(void);          // the VMCS is clear afterwards: no entry any more
// A program in user mode. Without trustvisor only what needs none.
void row_pal(void);
// The same in an L2, with trustvisor.
void row_pal_l2(void);

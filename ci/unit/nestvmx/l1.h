// SPDX-License-Identifier: BSD-2-Clause
// An L1 that executes VMX instructions, for the tests of nestvmx: each becomes a message, its result is read from the VMCSs after the reply.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/vmcs_feature.h>

#include "../harness.h"

#define L1_RIP      0x401000ull
#define L1_LENGTH   4u
#define VMXON_PAGE  0x100000ull
#define VMCS_PAGE   0x101000ull  // and the pages behind it
#define OPERAND     0x200000ull  // where memory operands lie: linear == physical
#define MSR_BITMAP  0x300000ull
#define EPTP12      0x40001eull
#define REVISION    0x00424b31u

// How an instruction ended.
enum outcome { SUCCEEDED, FAILED_INVALID, FAILED_VALID, FAULT_UD, FAULT_GP, FAULT_SS, FAULT_PF, ENTERED_L2, ENTERED_L1 };

// Starts the partition; L1 in 64-bit mode, CPL 0, CR4.VMXE = 1 as L1 sees it, paging flat.
void l1_start(void);
// That state of L1 again.
void l1_state(void);
// The same, in VMX operation with a valid, current, cleared VMCS12 at VMCS_PAGE.
void l1_start_with_vmcs(void);
// That and l1_fill_vmcs() once more, with a VMCS that is new, whatever L1 did since; no L2 runs. These pages are mapped and zero first.
void l1_start_again(const uint64_t *page, unsigned pages);
// VMPTRLD of a region of which nobody knows anything: what VMCLEAR writes back of before is gone.
void l1_load_new(uint64_t region);
// A VMCS12 like KVM's: everything that a 64-bit L1 and L2 need, EPT, VPID, MSR bitmap.
void l1_fill_vmcs(void);

// The instruction whose operands are set up already.
enum outcome l1_execute(enum exit_reason reason);
// Memory operand: 64 bits at OPERAND.
enum outcome l1_with_address(enum exit_reason reason, uint64_t address);
enum outcome l1_vmread(uint32_t encoding, uint64_t *value);
enum outcome l1_vmwrite(uint32_t encoding, uint64_t value);
// By field: must succeed; shadowed fields without a message where shadowing is on.
uint64_t l1_get(enum vmcs_field field);
void l1_set(enum vmcs_field field, uint64_t value);
// INVEPT, INVVPID.
enum outcome l1_invalidate(enum exit_reason reason, uint64_t type, uint64_t low, uint64_t high);
void l1_set_region(uint64_t region, uint32_t revision);

// Of the VM-instruction error field.
uint64_t l1_error(void);

// VMLAUNCH that enters L2, then an exit of L2.
void l1_launch(void);
enum outcome l2_exit(enum exit_reason reason);
extern uint64_t *l2;  // the VMCS02 that runs

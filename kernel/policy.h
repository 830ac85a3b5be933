// SPDX-License-Identifier: BSD-2-Clause
// Policy: what a partition may write into a field of a VMCS (invariant I4). The loader makes tables of vmcs_field.def's column and of what the CPU has
// (loader/policy.c); policy_admit() and group.c go by them.
#pragma once

#include <stdint.h>

#include <caps/cap.h>
#include <caps/status.h>
#include <caps/vmcs_field.h>

// What becomes of a partition's value. ADMIT_BITS: (value & keep) | force; ADMIT_ADDRESS: an address of L1's, which EPT01 translates; ADMIT_ACTIVITY: L1 waits for
// SIPI when the kernel has it wait.
enum admit { ADMIT_NONE, ADMIT_ANY, ADMIT_BITS, ADMIT_ADDRESS, ADMIT_ACTIVITY };
struct field_mask { uint64_t keep, force; };

struct group_field { uint16_t encoding; uint16_t field; };  // field: enum vmcs_field

struct policy {
    uint8_t admit[VMCS_KINDS][VMCS_FIELD_COUNT];  // enum admit
    struct field_mask mask[VMCS_FIELD_COUNT];     // of ADMIT_ANY and ADMIT_BITS in a VMCS02
    struct group_field field[VMCS_FIELD_COUNT];   // those that this CPU has, sorted by group: group g's from first[g] on, below first[g + 1]
    uint16_t first[GROUP_COUNT + 1];
    uint64_t plain[VMCS_KINDS], masked[VMCS_KINDS];  // groups of ADMIT_ANY alone; those others that have nothing but it and ADMIT_BITS
};

// Admits a value; STATUS_DENIED where the field isn't a partition's to write, STATUS_BAD_ADDRESS where EPT01 doesn't map the address.
NODISCARD enum status policy_admit(enum vmcs_kind kind, enum vmcs_field field, uint64_t *value);

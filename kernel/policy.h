// SPDX-License-Identifier: BSD-2-Clause
// Policy: what a partition may write into a field of a VMCS (invariant I4). Driven by vmcs_field.def's column.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/cap.h>
#include <caps/status.h>
#include <caps/vmcs_field.h>

// Whether every value may be written as it is.
bool policy_plain(enum vmcs_kind kind, enum vmcs_field field);

// Whether each bit of it is looked at by itself, and stays as it is or is forced, in all kinds of VMCS in which the field is a partition's in the same way:
// what is admitted of 0 and of ~0 says it all.
bool policy_bitwise(enum vmcs_kind kind, enum vmcs_field field);

// Admits a value, with the bits forced by which L0 keeps control and with an L1-physical address translated; STATUS_DENIED where the field
// isn't a partition's to write, STATUS_BAD_ADDRESS where EPT01 doesn't map the address.
NODISCARD enum status policy_admit(enum vmcs_kind kind, enum vmcs_field field, uint64_t *value);

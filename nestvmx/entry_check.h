// SPDX-License-Identifier: BSD-2-Clause
// VM-entry checks (entry_check.def).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmcs12.h"

enum check_result {
    CHECK_PASSED,
    CHECK_BAD_CONTROLS,  // VMfailValid 7
    CHECK_BAD_HOST,      // VMfailValid 8
    CHECK_BAD_GUEST,     // exit 33
};

// All checks; l1_long: L1 is in IA-32e mode now.
//   changed: groups that L1 wrote since the checks last passed with the same l1_long: only what depends on them is looked at
//   *name: of the check that failed; *qualification: with CHECK_BAD_GUEST
enum check_result entry_check(const struct vmcs12 *v, uint64_t changed, bool l1_long, const char **name, uint64_t *qualification);

// The CPU has refused the guest state of VMCS02: the name of the check that it failed, by VMCS12, whose groups are all up to date. For the log.
const char *entry_check_refused(const struct vmcs12 *v);

// Whether a VM entry with that EPTP would pass (also what INVEPT asks).
bool eptp_valid(uint64_t eptp);

// Whether IA32_PAT may have the value.
bool pat_valid(uint64_t pat);

// L2's paging mode is PAE; the VMCS12's group CR is up to date.
bool guest_is_pae(const struct vmcs12 *v);

// The PDPTEs that a CR3 in L1's memory names. false: they are not there.
bool pdptes_read(uint64_t cr3, uint64_t pdpte[4]);
bool pdptes_valid(uint64_t cr3);

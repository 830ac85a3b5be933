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

// Groups that the checks read; what the CPU itself changes in VMCS02 stays valid.
#define CHECK_CONTROL_GROUPS (GROUP_CONTROLS | GROUP_TSC | GROUP_CR3_TARGET | GROUP_BITMAP | GROUP_APIC | GROUP_VPID | GROUP_EPTP | GROUP_MSR_LIST | GROUP_SHADOWING | \
                              GROUP_VMFUNC | GROUP_PML | GROUP_VE)
#define CHECK_HOST_GROUPS    (GROUP_HOST | GROUP_CONTROLS)
#define CHECK_GUEST_GROUPS   (GROUPS_CR | GROUP_LINK | GROUP_CONTROLS)
#define CHECK_GROUPS         (CHECK_CONTROL_GROUPS | CHECK_HOST_GROUPS | CHECK_GUEST_GROUPS)

// Whether a check reads the virtual TPR, which lies in memory, where it changes without anybody's leave: nothing that passed stays passed.
static inline bool entry_check_vtpr(const struct vmcs12 *v)
{
    return vmcs12_proc(v, PROC_USE_TPR_SHADOW) && !vmcs12_proc2(v, PROC2_VIRTUAL_INTERRUPT_DELIVERY) && !vmcs12_proc2(v, PROC2_VIRTUALIZE_APIC_ACCESSES);
}

// Whether one looks at the VMCS that the link pointer names: the same holds for its first word.
static inline bool entry_check_link(const struct vmcs12 *v) { return vmcs12_get(v, VMCS_VMCS_LINK_POINTER) != ~0ull; }

// All checks; l1_long: L1 is in IA-32e mode now.
//   changed: groups that L1 wrote since the checks last passed with the same l1_long: only what depends on them is looked at
//   *name: of the check that failed; *qualification: with CHECK_BAD_GUEST
enum check_result entry_check(const struct vmcs12 *v, uint64_t changed, bool l1_long, const char **name, uint64_t *qualification);

// The guest state that the CPU checks in VMCS02, by VMCS12, whose groups are all up to date: the name of the check that it fails, or NULL.
//   *qualification: where one does
const char *entry_check_state(const struct vmcs12 *v, uint64_t *qualification);

// Whether a VM entry with that EPTP would pass (also what INVEPT asks).
bool eptp_valid(uint64_t eptp);

// Whether IA32_PAT may have the value.
bool pat_valid(uint64_t pat);

// L2's paging mode is PAE; the VMCS12's group CR is up to date.
bool guest_is_pae(const struct vmcs12 *v);

// The PDPTEs that a CR3 in L1's memory names. false: they are not there. Whether a CPU would load them. Both, for those that are only looked at.
bool pdptes_read(uint64_t cr3, uint64_t pdpte[4]);
bool pdptes_ok(const uint64_t pdpte[4]);
bool pdptes_valid(uint64_t cr3);

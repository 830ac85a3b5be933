// SPDX-License-Identifier: BSD-2-Clause
// The values of VMCS02's fields: VMCS12's, merged with what L0 needs.
#pragma once

#include <stdint.h>

#include "message.h"
#include "vmcs12.h"

// Groups of VMCS02 that come from VMCS12.
#define MERGE_GROUPS                                                                                                        \
    (GROUP_ACTIVITY | GROUPS_RIP | GROUP_BLOCKING | GROUP_EVENT | GROUP_EVENT_DATA | GROUPS_CR | GROUP_CR_SHADOW |           \
     GROUP_CR_MASK | GROUP_CR3_TARGET | GROUP_EFER | GROUP_PAT | GROUPS_PRIVILEGE | GROUP_DATA_SEL | GROUP_DATA_SEG | GROUP_SEG_BASE |       \
     GROUP_SEG | GROUP_TABLES | GROUP_SYSENTER | GROUP_DEBUG | GROUP_PENDING | GROUP_PDPTE |                                \
     GROUP_CONTROLS | GROUP_EXCEPTIONS | GROUP_TSC | GROUP_TIMER | GROUP_PLE | GROUP_XSS | GROUP_APIC | GROUP_VIRT_INTR)

// What L1's own state contributes where VMCS12 doesn't load a register: valid as the groups say.
struct l1_registers {
    uint64_t groups;  // EFER, PAT, DEBUG
    uint64_t efer, pat, debugctl, dr7;
};

// A field's value in VMCS02. The copy is up to date for it.
uint64_t merge_value(const struct message *m, const struct vmcs12 *v, const struct l1_registers *l1, enum vmcs_field field);

// IA32_EFER of an L2 whose VMCS12 doesn't load it (SDM 3C 27.3.2.1 "Loading Guest Control Registers, Debug Registers, and MSRs").
uint64_t merge_efer(const struct vmcs12 *v, uint64_t l1_efer);

// Other groups whose values in VMCS02 depend on bits of a control field that L1 changed.
uint64_t merge_affected(enum vmcs_field field, uint64_t changed_bits);

// SPDX-License-Identifier: BSD-2-Clause
// What a field's policy means in each kind of VMCS.

#include "policy.h"

#include <caps/addr.h>
#include <caps/vmcs_feature.h>

#include "ept01.h"
#include "init_sipi.h"
#include "vmx_caps.h"

// VMCS01: L1's guest state, the event that L1 gets, and how CR0 and CR4 look to it. Its controls are L0's alone.
static bool vmcs01_writable(enum vmcs_field field)
{
    const struct vmcs_field_info *info = &vmcs_field_info[field];
    return encoding_class(info->encoding) == CLASS_GUEST || (1ull << info->group & (GROUP_EVENT | GROUP_EVENT_DATA | GROUP_CR_SHADOW));
}

bool policy_plain(enum vmcs_kind kind, enum vmcs_field field)
{
    switch (kind) {
    case VMCS_KIND_SHADOW: return true;  // never entered: its fields are L1's data
    case VMCS_KIND_02: return vmcs_field_info[field].policy == POLICY_FREE;
    default: return vmcs_field_info[field].policy == POLICY_FREE && vmcs01_writable(field);
    }
}

bool policy_bitwise(enum vmcs_kind kind, enum vmcs_field field)
{
    bool masked = vmcs_field_info[field].policy == POLICY_MASKED && field != VMCS_GUEST_ACTIVITY_STATE;
    return policy_plain(kind, field) || (masked && (kind != VMCS_KIND_01 || vmcs01_writable(field)));
}

static uint64_t admit_control(enum control_word word, uint64_t value)
{
    uint32_t wanted = ((uint32_t)value | vmx_caps->forced1[word]) & ~vmx_caps->forced0[word];
    return control_adjust(word, wanted);
}

static uint64_t admit_masked(enum vmcs_kind kind, enum vmcs_field field, uint64_t value)
{
    switch (field) {
    case VMCS_PIN_CONTROLS: return admit_control(WORD_PIN, value);
    case VMCS_PROC_CONTROLS: return admit_control(WORD_PROC, value);
    case VMCS_PROC_CONTROLS2: return admit_control(WORD_PROC2, value);
    case VMCS_EXIT_CONTROLS: return admit_control(WORD_EXIT, value);
    case VMCS_ENTRY_CONTROLS: return admit_control(WORD_ENTRY, value);
    case VMCS_GUEST_CR0: return (value | vmx_caps->cr0_fixed0) & 0xffffffff;
    case VMCS_GUEST_CR4: return (value | vmx_caps->cr4_fixed0) & vmx_caps->cr4_supported;
    // L1 waits for SIPI when the kernel has it wait (init_deliver). VM entry refuses the value that this becomes.
    case VMCS_GUEST_ACTIVITY_STATE: return kind == VMCS_KIND_01 && (uint32_t)value == ACTIVITY_WAIT_FOR_SIPI ? 0xffffffff : value;
    default: return value;  // guest/host masks: the bits that VMX fixes are guarded by the CPU itself (#GP in non-root)
    }
}

static enum status admit_address(uint64_t *value)
{
    struct ept01_leaf leaf;
    TRY(ept01_lookup((gpa1_t){ *value & PAGE_MASK }, &leaf));
    *value = (leaf.hpa.v & PAGE_MASK) | (*value & ~PAGE_MASK);
    return STATUS_OK;
}

enum status policy_admit(enum vmcs_kind kind, enum vmcs_field field, uint64_t *value)
{
    if (kind == VMCS_KIND_SHADOW)
        return STATUS_OK;
    if (kind == VMCS_KIND_01 && !vmcs01_writable(field))
        return STATUS_DENIED;
    switch (vmcs_field_info[field].policy) {
    case POLICY_FREE: return STATUS_OK;
    case POLICY_MASKED: *value = admit_masked(kind, field, *value); return STATUS_OK;
    case POLICY_ADDRESS: return admit_address(value);
    default: return STATUS_DENIED;
    }
}

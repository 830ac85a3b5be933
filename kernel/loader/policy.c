// SPDX-License-Identifier: BSD-2-Clause
// What a field's policy means in each kind of VMCS, on this CPU; and the fields of each group.
#include "policy.h"

#include <caps/vmcs_feature.h>

// VMCS01: L1's guest state, the event that L1 gets, and how CR0 and CR4 look to it. Its controls are L0's alone.
static bool vmcs01_writable(enum vmcs_field field)
{
    const struct vmcs_field_info *info = &vmcs_field_info[field];
    return encoding_class(info->encoding) == CLASS_GUEST || (1ull << info->group & (GROUP_EVENT | GROUP_EVENT_DATA | GROUP_CR_SHADOW));
}

static enum admit admit_of(enum vmcs_kind kind, enum vmcs_field field)
{
    if (kind == VMCS_KIND_SHADOW)  // never entered: its fields are L1's data
        return ADMIT_ANY;
    if (kind == VMCS_KIND_01 && !vmcs01_writable(field))
        return ADMIT_NONE;
    switch (vmcs_field_info[field].policy) {
    case POLICY_FREE: return ADMIT_ANY;
    case POLICY_MASKED: return field == VMCS_GUEST_ACTIVITY_STATE ? ADMIT_ACTIVITY : ADMIT_BITS;
    case POLICY_ADDRESS: return ADMIT_ADDRESS;
    default: return ADMIT_NONE;
    }
}

// What L0 forces, and then what the CPU demands and lacks.
static struct field_mask control_mask(const struct vmx_caps *caps, enum control_word word)
{
    const uint32_t force = ((caps->forced1[word] & ~caps->forced0[word]) | caps->allowed0[word]) & caps->allowed1[word];
    return (struct field_mask){ (caps->allowed1[word] & ~caps->forced0[word]) | force, force };
}

static struct field_mask mask_of(const struct vmx_caps *caps, enum vmcs_field field)
{
    switch (field) {
    case VMCS_PIN_CONTROLS: return control_mask(caps, WORD_PIN);
    case VMCS_PROC_CONTROLS: return control_mask(caps, WORD_PROC);
    case VMCS_PROC_CONTROLS2: return control_mask(caps, WORD_PROC2);
    case VMCS_EXIT_CONTROLS: return control_mask(caps, WORD_EXIT);
    case VMCS_ENTRY_CONTROLS: return control_mask(caps, WORD_ENTRY);
    case VMCS_GUEST_CR0: return (struct field_mask){ 0xffffffff, caps->cr0_fixed0 & 0xffffffff };
    case VMCS_GUEST_CR4: return (struct field_mask){ caps->cr4_supported, caps->cr4_fixed0 & caps->cr4_supported };
    default: return (struct field_mask){ ~0ull, 0 };  // guest/host masks: the bits that VMX fixes are guarded by the CPU itself (#GP in non-root)
    }
}

static void make_field(struct policy *policy, const struct vmx_caps *caps, enum vmcs_field field)
{
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++)
        policy->admit[kind][field] = (uint8_t)admit_of((enum vmcs_kind)kind, field);
    policy->mask[field] = mask_of(caps, field);
}

// A field of the group: it is no plainer than the field is.
static void limit(struct policy *policy, unsigned group, unsigned field)
{
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++) {
        const uint8_t admit = policy->admit[kind][field];
        if (admit != ADMIT_ANY)
            policy->plain[kind] &= ~(1ull << group);
        if (admit != ADMIT_ANY && admit != ADMIT_BITS)
            policy->masked[kind] &= ~(1ull << group);
    }
}

static void make_groups(struct policy *policy, const uint32_t allowed1[WORD_COUNT])
{
    uint16_t count = 0;
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++)
        policy->plain[kind] = policy->masked[kind] = (1ull << GROUP_COUNT) - 1;
    for (unsigned group = 0; group < GROUP_COUNT; group++) {
        policy->first[group] = count;
        for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
            const struct vmcs_field_info *info = &vmcs_field_info[field];
            if (info->group != group || !vmcs_feature_exists((enum vmcs_feature)info->feature, allowed1))
                continue;
            policy->field[count++] = (struct group_field){ info->encoding, (uint16_t)field };
            limit(policy, group, field);
        }
        policy->first[group + 1] = count;
    }
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++)
        policy->masked[kind] &= ~policy->plain[kind];
}

void policy_make(struct policy *policy, const struct vmx_caps *caps)
{
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
        make_field(policy, caps, (enum vmcs_field)field);
    make_groups(policy, caps->allowed1);
}

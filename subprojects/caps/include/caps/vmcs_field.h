// SPDX-License-Identifier: BSD-2-Clause
// VMCS fields and their groups, as indexes into one table. Generated from vmcs_field.def and group.def.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// A field's index: its place in vmcs_field.def and in the field banks of a message.
enum vmcs_field {
#define FIELD(name, encoding, group, policy, nested, exists) VMCS_##name,
#include <caps/vmcs_field.def>
#undef FIELD
    VMCS_FIELD_COUNT
};

enum group_index {
#define GROUP(name, shadow) GROUP_INDEX_##name,
#include <caps/group.def>
#undef GROUP
    GROUP_COUNT
};
_Static_assert(GROUP_COUNT <= 63, "bit 63 of a group mask stands for the GPRs");

// Group masks. GROUP_GPR: the 16 general-purpose registers, which no VMCS holds.
#define GROUP(name, shadow) static const uint64_t GROUP_##name = 1ull << GROUP_INDEX_##name;
#include <caps/group.def>
#undef GROUP
static const uint64_t GROUP_GPR = 1ull << 63;

// Groups that are mostly wanted together: what happened; where the code is, and its stack; CR0, CR3, CR4; CPL and mode.
#define GROUPS_EXIT      (GROUP_EXIT | GROUP_QUALIFICATION)
#define GROUPS_RIP       (GROUP_RIP | GROUP_RSP)
#define GROUPS_CR        (GROUP_CR0 | GROUP_CR)
#define GROUPS_PRIVILEGE (GROUP_PRIVILEGE | GROUP_MODE)

enum field_policy { POLICY_KERNEL, POLICY_FREE, POLICY_MASKED, POLICY_ADDRESS, POLICY_READ_ONLY };
enum field_nested { NESTED_COPY, NESTED_MERGE, NESTED_L0, NESTED_HOST_STATE, NESTED_INFO };
enum field_width { WIDTH_16, WIDTH_64, WIDTH_32, WIDTH_NATURAL };            // encoding bits 14:13
enum field_class { CLASS_CONTROL, CLASS_INFO, CLASS_GUEST, CLASS_HOST };    // encoding bits 11:10
enum group_shadow { SHADOW_NONE, SHADOW_READ, SHADOW_WRITE };

enum vmcs_feature {
#define FEATURE(name, word, bit) FEATURE_##name,
#include <caps/vmcs_feature.def>
#undef FEATURE
    FEATURE_COUNT
};

struct vmcs_field_info {
    uint16_t encoding;
    uint8_t group;   // enum group_index
    uint8_t policy;  // enum field_policy
    uint8_t nested;  // enum field_nested
    uint8_t feature; // enum vmcs_feature
};

static const struct vmcs_field_info vmcs_field_info[VMCS_FIELD_COUNT] __attribute__((unused)) = {
#define FIELD(name, encoding, group, policy, nested, exists) \
    { encoding, GROUP_INDEX_##group, POLICY_##policy, NESTED_##nested, FEATURE_##exists },
#include <caps/vmcs_field.def>
#undef FIELD
};

static const uint8_t group_shadow[GROUP_COUNT] __attribute__((unused)) = {
#define GROUP(name, shadow) SHADOW_##shadow,
#include <caps/group.def>
#undef GROUP
};

// Width and class of a field, by its encoding (SDM 3C 25.11.2 "VMREAD, VMWRITE, and Encodings of VMCS Fields").
static inline enum field_width encoding_width(uint32_t encoding) { return (enum field_width)((encoding >> 13) & 3); }
static inline enum field_class encoding_class(uint32_t encoding) { return (enum field_class)((encoding >> 10) & 3); }

// The bits that a field of that width holds, in 64-bit mode.
static inline uint64_t width_mask(enum field_width width)
{
    return width == WIDTH_16 ? 0xffffull : width == WIDTH_32 ? 0xffffffffull : ~0ull;
}

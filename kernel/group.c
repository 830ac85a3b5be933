// SPDX-License-Identifier: BSD-2-Clause
// The fields of each group, sorted by group once at boot: a message then costs what it carries and no more.

#include "group.h"

#include "policy.h"

static struct group_field fields[VMCS_FIELD_COUNT];
const struct group_field *group_first[GROUP_COUNT + 1];
uint64_t group_plain[VMCS_KINDS];

static bool is_plain(unsigned kind, unsigned group)
{
    for (const struct group_field *field = group_first[group]; field < group_first[group + 1]; field++)
        if (!policy_plain((enum vmcs_kind)kind, (enum vmcs_field)field->field))
            return false;
    return true;
}

void group_init(const uint32_t allowed1[WORD_COUNT])
{
    struct group_field *next = fields;
    for (unsigned group = 0; group < GROUP_COUNT; group++) {
        group_first[group] = next;
        for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
            const struct vmcs_field_info *info = &vmcs_field_info[field];
            if (info->group == group && vmcs_feature_exists((enum vmcs_feature)info->feature, allowed1))
                *next++ = (struct group_field){ info->encoding, (uint16_t)field };
        }
        group_first[group + 1] = next;
        for (unsigned kind = 0; kind < VMCS_KINDS; kind++)
            if (is_plain(kind, group))
                group_plain[kind] |= 1ull << group;
    }
}

// SPDX-License-Identifier: BSD-2-Clause
// The fields of each group, sorted by group once at boot: a message then costs what it carries and no more.

#include "group.h"

#include "policy.h"

static struct group_field fields[VMCS_FIELD_COUNT], listed[GROUP_LISTED_MAX];
static unsigned listed_count;
const struct group_field *group_first[GROUP_COUNT + 1];
uint64_t group_plain[VMCS_KINDS], group_masked[VMCS_KINDS];
struct group_mask group_mask[VMCS_FIELD_COUNT];

// A field of the group: it is no plainer than the field is.
static void limit(unsigned group, enum vmcs_field field)
{
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++) {
        if (!policy_plain((enum vmcs_kind)kind, field))
            group_plain[kind] &= ~(1ull << group);
        if (!policy_bitwise((enum vmcs_kind)kind, field))
            group_masked[kind] &= ~(1ull << group);
    }
}

static uint64_t admitted(enum vmcs_field field, uint64_t value)
{
    return policy_bitwise(VMCS_KIND_02, field) && policy_admit(VMCS_KIND_02, field, &value) == STATUS_OK ? value : 0;
}

void group_init(const uint32_t allowed1[WORD_COUNT])
{
    struct group_field *next = fields;
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++)
        group_plain[kind] = group_masked[kind] = (1ull << GROUP_COUNT) - 1;
    for (unsigned group = 0; group < GROUP_COUNT; group++) {
        group_first[group] = next;
        for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
            const struct vmcs_field_info *info = &vmcs_field_info[field];
            if (info->group != group || !vmcs_feature_exists((enum vmcs_feature)info->feature, allowed1))
                continue;
            *next++ = (struct group_field){ info->encoding, (uint16_t)field };
            limit(group, (enum vmcs_field)field);
            const uint64_t force = admitted((enum vmcs_field)field, 0);
            group_mask[field] = (struct group_mask){ admitted((enum vmcs_field)field, ~0ull), force };
        }
        group_first[group + 1] = next;
    }
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++)
        group_masked[kind] &= ~group_plain[kind];
}

struct group_list group_list(uint64_t groups, bool exited)
{
    struct group_field *const first = &listed[listed_count], *next = first;
    while (groups != 0) {
        struct group_list run = group_next(&groups);
        if (run.end - run.first > &listed[GROUP_LISTED_MAX] - next)
            return (struct group_list){ NULL, NULL };
        for (; run.first < run.end; run.first++) {
            const unsigned field = run.first->field;
            if (!exited || (field != VMCS_EXIT_REASON && field != VMCS_GUEST_RIP))
                *next++ = *run.first;
        }
    }
    listed_count = (unsigned)(next - listed);
    return (struct group_list){ first, next };
}

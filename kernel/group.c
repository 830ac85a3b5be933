// SPDX-License-Identifier: BSD-2-Clause
// The fields of each group, as the loader has sorted them: a message then costs what it carries and no more.

#include "group.h"

#include "memory.h"

static struct group_field listed[GROUP_LISTED_MAX];
static unsigned listed_count;
const struct group_field *group_first[GROUP_COUNT + 1];
uint64_t group_plain[VMCS_KINDS], group_masked[VMCS_KINDS];
struct field_mask group_mask[VMCS_FIELD_COUNT];

void group_init(const struct policy *policy)
{
    for (unsigned group = 0; group <= GROUP_COUNT; group++)
        group_first[group] = &policy->field[policy->first[group]];
    memory_copy(group_plain, policy->plain, sizeof(group_plain));
    memory_copy(group_masked, policy->masked, sizeof(group_masked));
    memory_copy(group_mask, policy->mask, sizeof(group_mask));
}

_Static_assert(sizeof(struct group_field) == 4 && offsetof(struct group_field, field) == 2 && VMCS_FIELD_COUNT <= VMX_LIST_MAX, "VMX_LIST() knows it");

__attribute__((noinline)) void group_read_fields(uint64_t count, const struct group_field *end, uint64_t bank[VMCS_FIELD_COUNT]) { insn_vmread_list(end, count, bank); }

__attribute__((noinline)) void group_write_list(struct cpu *cpu, struct group_list list, const uint64_t bank[VMCS_FIELD_COUNT])
{
    const uint64_t count = (uint64_t)(list.end - list.first);
    cpu->vmwrites += (uint32_t)count;
    insn_vmwrite_list(list.end, count, bank);
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
    return (struct group_list){ next != first ? first : NULL, next };
}

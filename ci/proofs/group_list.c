// SPDX-License-Identifier: BSD-2-Clause
// Proof: group_list(), for any lists of groups' fields, has each field of the groups that are asked for once and no other; without those that the exit path has read, where
// the message is an exit's; and it ends in its table, or there is none (I5).
// CBMC: unwind=8
#include "proof.h"

#include <stddef.h>

#include <caps/cap.h>
#include <caps/vmcs_feature.h>

#include "../../kernel/cpu.h"
#include "../../kernel/vmx_insn.h"

// Smaller tables: which fields and groups there are doesn't matter.
#define FIELDS 4u
#define GROUPS 3u
#define GROUP_COUNT GROUPS
#include "../../kernel/group.h"
#undef GROUP_LISTED_MAX
#define GROUP_LISTED_MAX 5
#include "../../kernel/group.c"

static struct group_field fields[FIELDS];

int main(void)
{
    unsigned first[GROUPS + 1] = { 0, any_below(FIELDS + 1), any_below(FIELDS + 1), FIELDS };
    ASSUME(first[1] <= first[2]);
    for (unsigned i = 0; i < FIELDS; i++)
        fields[i] = (struct group_field){ any_u16(), any_u16() };
    for (unsigned group = 0; group <= GROUPS; group++)
        group_first[group] = &fields[first[group]];
    const unsigned before = listed_count = any_bool() ? 0 : GROUP_LISTED_MAX - 2;  // of others
    const uint64_t groups = any_below(1u << GROUPS);
    const bool exited = any_bool();

    struct group_list list = group_list(groups, exited);
    if (list.first == NULL) {
        PROVE(listed_count == before, "no room, nothing taken");
        return 0;
    }
    PROVE(list.first == &listed[before] && list.end == &listed[listed_count] && before <= listed_count && listed_count <= GROUP_LISTED_MAX, "in the table, behind the others");
    unsigned next = before;
    for (unsigned i = 0; i < FIELDS; i++) {
        const unsigned group = i < first[1] ? 0 : i < first[2] ? 1 : 2, field = fields[i].field;
        const bool known = field == VMCS_EXIT_REASON || field == VMCS_GUEST_RIP;
        if (!(groups >> group & 1) || (exited && known))
            continue;
        PROVE(next < listed_count && listed[next].field == field && listed[next].encoding == fields[i].encoding, "each field of the groups");
        next++;
    }
    PROVE(next == listed_count, "and no other");
    return 0;
}

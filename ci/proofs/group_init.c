// SPDX-License-Identifier: BSD-2-Clause
// Proof: group_init(), for any table of fields and any CPU, puts each field that the CPU has once into the list of its group, with its encoding, and nothing else into any
// list; the lists lie one behind the other; a group counts as plain in a kind of VMCS if every field in its list does, and no other (I4, I6).
// CBMC: unwind=8
#include "proof.h"

#include <caps/cap.h>
#include <caps/vmcs_feature.h>

#include "../../kernel/cpu.h"
#include "../../kernel/policy.h"
#include "../../kernel/vmx_insn.h"

// A smaller table: which fields there are doesn't matter.
#define FIELDS 5u
#define GROUPS 3u
#define VMCS_FIELD_COUNT FIELDS
#define GROUP_COUNT      GROUPS
struct any_info { uint16_t encoding; uint8_t group, policy, nested, feature; };
static struct any_info any_info[FIELDS];
#define vmcs_field_info any_info
#include "../../kernel/group.c"

static bool plain[VMCS_KINDS][FIELDS];

bool policy_plain(enum vmcs_kind kind, enum vmcs_field field)
{
    PROVE((unsigned)kind < VMCS_KINDS && (unsigned)field < FIELDS, "a field, in a kind of VMCS");
    return plain[kind][field];
}

int main(void)
{
    uint32_t allowed1[WORD_COUNT];
    for (unsigned i = 0; i < FIELDS; i++) {
        struct any_info some;
        any_info[i] = some;
        ASSUME(some.group < GROUPS && some.feature < FEATURE_COUNT);
        for (unsigned kind = 0; kind < VMCS_KINDS; kind++)
            plain[kind][i] = any_bool();
    }
    group_init(allowed1);

    unsigned field = any_below(FIELDS), group = any_below(GROUPS), kind = any_below(VMCS_KINDS), seen = 0;
    bool all_plain = true;
    PROVE(group_first[0] == fields && group_first[group] <= group_first[group + 1] && group_first[GROUPS] <= fields + FIELDS, "one behind the other");
    for (const struct group_field *place = group_first[group]; place < group_first[group + 1]; place++) {
        PROVE(place->field < FIELDS && any_info[place->field].group == group, "fields of the group");
        PROVE(place->encoding == any_info[place->field].encoding, "by their encoding");
        seen += place->field == field;
        all_plain = all_plain && plain[kind][place->field];
    }
    bool there = any_info[field].group == group && vmcs_feature_exists((enum vmcs_feature)any_info[field].feature, allowed1);
    PROVE(seen == there, "each that there is, once, and no other");
    PROVE(!(group_plain[kind] >> group & 1) == !all_plain && group_plain[kind] >> GROUPS == 0, "plain if all of them are");
    return 0;
}

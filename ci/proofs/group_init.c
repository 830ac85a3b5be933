// SPDX-License-Identifier: BSD-2-Clause
// Proof: group_init(), for any table of fields and any CPU, puts each field that the CPU has once into the list of its group, with its encoding, and nothing else into any
// list; the lists lie one behind the other; a group counts as plain in a kind of VMCS if every field in its list does, and no other; as masked if every one is masked at
// most, and each has the mask that the policy makes of it (I4, I6).
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

static bool plain[VMCS_KINDS][FIELDS], bitwise[VMCS_KINDS][FIELDS];
static uint64_t of_zero[FIELDS], of_ones[FIELDS];

bool policy_plain(enum vmcs_kind kind, enum vmcs_field field)
{
    PROVE((unsigned)kind < VMCS_KINDS && (unsigned)field < FIELDS, "a field, in a kind of VMCS");
    return plain[kind][field];
}

bool policy_bitwise(enum vmcs_kind kind, enum vmcs_field field)
{
    PROVE((unsigned)kind < VMCS_KINDS && (unsigned)field < FIELDS, "a field, in a kind of VMCS");
    return bitwise[kind][field];
}

// Proof policy shows that where each bit is looked at by itself these two say what becomes of any value.
enum status policy_admit(enum vmcs_kind kind, enum vmcs_field field, uint64_t *value)
{
    PROVE(kind == VMCS_KIND_02 && bitwise[kind][field] && (*value == 0 || ~*value == 0), "of a field whose bits are looked at one by one, all bits clear or set");
    *value = *value == 0 ? of_zero[field] : of_ones[field];
    return STATUS_OK;
}

int main(void)
{
    uint32_t allowed1[WORD_COUNT];
    for (unsigned i = 0; i < FIELDS; i++) {
        struct any_info some;
        any_info[i] = some;
        ASSUME(some.group < GROUPS && some.feature < FEATURE_COUNT);
        for (unsigned kind = 0; kind < VMCS_KINDS; kind++)
            plain[kind][i] = any_bool(), bitwise[kind][i] = any_bool();
        of_zero[i] = any_u64(), of_ones[i] = any_u64();
    }
    group_init(allowed1);

    unsigned field = any_below(FIELDS), group = any_below(GROUPS), kind = any_below(VMCS_KINDS), seen = 0;
    bool all_plain = true, all_bitwise = true;
    PROVE(group_first[0] == fields && group_first[group] <= group_first[group + 1] && group_first[GROUPS] <= fields + FIELDS, "one behind the other");
    for (const struct group_field *place = group_first[group]; place < group_first[group + 1]; place++) {
        PROVE(place->field < FIELDS && any_info[place->field].group == group, "fields of the group");
        PROVE(place->encoding == any_info[place->field].encoding, "by their encoding");
        seen += place->field == field;
        all_plain = all_plain && plain[kind][place->field];
        all_bitwise = all_bitwise && bitwise[kind][place->field];
        if (bitwise[VMCS_KIND_02][place->field])
            PROVE(group_mask[place->field].keep == of_ones[place->field] && group_mask[place->field].force == of_zero[place->field], "each with its mask");
    }
    bool there = any_info[field].group == group && vmcs_feature_exists((enum vmcs_feature)any_info[field].feature, allowed1);
    PROVE(seen == there, "each that there is, once, and no other");
    PROVE(!(group_masked[kind] >> group & 1) == (all_plain || !all_bitwise) && group_masked[kind] >> GROUPS == 0, "masked if all others' policies are masks");
    PROVE(!(group_plain[kind] >> group & 1) == !all_plain && group_plain[kind] >> GROUPS == 0, "plain if all of them are");
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Proof: the loader's make_groups(), for any table of fields and any CPU, puts each field that the CPU has once into the list of its group, with its encoding, and nothing
// else into any list; the lists lie one behind the other; a group counts as plain in a kind of VMCS if every field in its list takes any value there, and no other; as
// masked if every one is masked at most (I4, I6).
// CBMC: unwind=8
#include "proof.h"

#include <caps/cap.h>
#include <caps/vmcs_feature.h>

// A smaller table: which fields there are doesn't matter.
#define FIELDS 5u
#define GROUPS 3u
#define VMCS_FIELD_COUNT FIELDS
#define GROUP_COUNT      GROUPS
struct any_info { uint16_t encoding; uint8_t group, policy, nested, feature; };
static struct any_info any_info[FIELDS];
#define vmcs_field_info any_info
#include "../../kernel/loader/policy.c"

int main(void)
{
    uint32_t allowed1[WORD_COUNT];
    struct policy policy;
    for (unsigned i = 0; i < FIELDS; i++) {
        struct any_info some;
        any_info[i] = some;
        ASSUME(some.group < GROUPS && some.feature < FEATURE_COUNT);
    }
    make_groups(&policy, allowed1);

    unsigned field = any_below(FIELDS), group = any_below(GROUPS), kind = any_below(VMCS_KINDS), seen = 0;
    bool all_plain = true, all_bits = true;
    PROVE(policy.first[0] == 0 && policy.first[group] <= policy.first[group + 1] && policy.first[GROUPS] <= FIELDS, "one behind the other");
    for (unsigned i = policy.first[group]; i < policy.first[group + 1]; i++) {
        const struct group_field *place = &policy.field[i];
        PROVE(place->field < FIELDS && any_info[place->field].group == group, "fields of the group");
        PROVE(place->encoding == any_info[place->field].encoding, "by their encoding");
        const uint8_t admit = policy.admit[kind][place->field];
        seen += place->field == field;
        all_plain = all_plain && admit == ADMIT_ANY;
        all_bits = all_bits && (admit == ADMIT_ANY || admit == ADMIT_BITS);
    }
    bool there = any_info[field].group == group && vmcs_feature_exists((enum vmcs_feature)any_info[field].feature, allowed1);
    PROVE(seen == there, "each that there is, once, and no other");
    PROVE(!(policy.masked[kind] >> group & 1) == (all_plain || !all_bits) && policy.masked[kind] >> GROUPS == 0, "masked if all others' policies are masks");
    PROVE(!(policy.plain[kind] >> group & 1) == !all_plain && policy.plain[kind] >> GROUPS == 0, "plain if all of them are");
    return 0;
}

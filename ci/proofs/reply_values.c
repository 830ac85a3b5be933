// SPDX-License-Identifier: BSD-2-Clause
// Proof: add_checked() puts into a batch, of a group's fields, those values that policy_admit() has let through and no others: each value is read once, even where the
// partition changes it meanwhile, and where the batch has no room for it, that is an error (I4, I6).
// CBMC: unwind=5 volatile
#include "any_batch.h"

#define FIELDS 3  // bound: of the group
static struct group_field list[FIELDS];
const struct group_field *group_first[GROUP_COUNT + 1];
uint64_t group_plain[VMCS_KINDS], group_masked[VMCS_KINDS];

static struct { uint16_t field; uint64_t value; } admitted[FIELDS];
static unsigned admissions, refused;
static enum vmcs_kind the_kind;

// Proof policy shows what it lets through to be harmless.
enum status policy_admit(enum vmcs_kind kind, enum vmcs_field field, uint64_t *value)
{
    PROVE(kind == the_kind, "for that kind of VMCS");
    if (any_bool())
        return STATUS_DENIED;  // L0 keeps it: left out
    if (any_bool()) {
        refused++;
        return STATUS_BAD_ADDRESS;
    }
    *value = any_u64();
    PROVE(admissions < FIELDS, "each field once");
    admitted[admissions].field = (uint16_t)field;
    admitted[admissions++].value = *value;
    return STATUS_OK;
}

static void prove(unsigned writes)
{
    struct action action;
    const uint64_t *bank = (const uint64_t *)0x10000000;  // only ever read by ONCE(), which gives any value each time
    uint32_t count = action.count;
    the_batch.write_count = writes;
    const struct vmcs_target target = { the_kind, { 0 }, the_kind == VMCS_KIND_02 ? &the_vmcs02 : NULL };
    enum status status = add_checked(&the_batch, &action, &target, 1, bank);
    PROVE(the_batch.write_count <= FIELD_WRITES_MAX, "in the batch");
    if (status != STATUS_OK)
        return;
    uint32_t added = the_batch.write_count - writes, i = any_below(FIELDS);
    PROVE(refused == 0 && added == admissions && action.count == count + added, "all that were let through, and nothing but them");
    for (unsigned k = 0; k < FIELDS; k++)
        if (list[k].field == admitted[i].field && i < added)
            PROVE(the_batch.write[writes + i].encoding == list[k].encoding && the_batch.write[writes + i].value == admitted[i].value, "each into its own field");
}

int main(void)
{
    for (unsigned i = 0; i < FIELDS; i++) {
        list[i].field = (uint16_t)(7 + i);
        list[i].encoding = any_u16();
    }
    group_first[1] = list;
    group_first[2] = list + FIELDS;
    the_kind = (enum vmcs_kind)any_below(VMCS_KINDS);
    if (any_bool())
        prove(0);
    else
        prove(FIELD_WRITES_MAX - 2);
    return 0;
}

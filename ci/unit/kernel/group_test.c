// SPDX-License-Identifier: BSD-2-Clause
// Groups of fields: which are written without a look at each value, and what messages read.

#include "policy.h"

#include "replies.h"

static void check_masked(unsigned kind, enum vmcs_field field, uint64_t is)
{
    uint64_t value = is;
    CHECK_EQ(policy_admit((enum vmcs_kind)kind, field, &value), STATUS_OK);
    CHECK_EQ(fake_field[kind][field], value);
}

// What the invocation takes from the bank is masked there: also a value that came after the decoding.
TEST(masked_groups_obey_the_policy_whatever_the_bank_holds_by_then)
{
    static const uint64_t values[] = { 0, ~0ull, 0x8000000080000001, 0x5555555555555555, 0xfffffff7ffffffff };
    start();
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++) {
        CHECK_EQ(group_plain[kind] & group_masked[kind], 0);
        CHECK_EQ(group_masked[kind], kind == VMCS_KIND_SHADOW ? 0 : kind == VMCS_KIND_01 ? GROUPS_CR : GROUPS_CR | GROUP_CR_MASK | GROUP_CONTROLS);
        for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
                reply.field[1][field] = 0;
            add(OP_WRITE_GROUPS, kind, 1, group_masked[kind], 0);
            CHECK_EQ(decode(), STATUS_OK);
            CHECK_EQ(batch->write_count, 0);
            for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
                reply.field[1][field] = values[i];
            CHECK_EQ(batch_invoke(batch, &fake_cpu), STATUS_OK);
            for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
                if (group_masked[kind] >> vmcs_field_info[field].group & 1)
                    check_masked(kind, (enum vmcs_field)field, values[i]);
        }
    }
}

TEST(what_the_exit_path_has_read_is_in_the_message_without_being_read_again)
{
    uint64_t bank[VMCS_FIELD_COUNT], again[VMCS_FIELD_COUNT];
    start();
    memset(bank, 0, sizeof(bank));
    memset(again, 0, sizeof(again));
    fake_cpu.vmcs_current = fake_cpu.vmcs01;
    fake_cpu.reason = 10;
    fake_cpu.rip = 0x1234;
    fake_field[0][VMCS_EXIT_REASON] = 10;
    fake_field[0][VMCS_EXIT_QUALIFICATION] = 0x77;
    fake_field[0][VMCS_GUEST_RIP] = 0x1234;
    uint32_t before = fake_cpu.vmreads;
    group_read(&fake_cpu, GROUPS_EXIT | GROUPS_RIP | GROUPS_CR, again);
    const uint32_t all = fake_cpu.vmreads - before;
    before = fake_cpu.vmreads;
    struct group_list list = group_list(GROUPS_EXIT | GROUPS_RIP | GROUPS_CR, true);
    group_read_exit(&fake_cpu, GROUPS_EXIT | GROUPS_RIP | GROUPS_CR, &list, bank);
    CHECK_EQ(fake_cpu.vmreads - before, all - 2);
    CHECK(memcmp(bank, again, sizeof(bank)) == 0);
    memset(bank, 0, sizeof(bank));
    list = group_list(GROUPS_CR, true);
    group_read_exit(&fake_cpu, GROUPS_CR, &list, bank);
    CHECK_EQ(bank[VMCS_EXIT_REASON] | bank[VMCS_GUEST_RIP], 0);
    list = group_list(GROUPS_EXIT | GROUPS_RIP | GROUPS_CR, false);
    memset(bank, 0, sizeof(bank));
    group_read_list(&fake_cpu, &list, bank);
    CHECK(memcmp(bank, again, sizeof(bank)) == 0);

    unsigned lists = 0;
    while ((list = group_list(ALL_GROUPS, false)).first != NULL)
        CHECK(++lists < GROUP_LISTED_MAX && list.end > list.first);
    CHECK(lists > 0);  // then there is no room: messages read by groups
}

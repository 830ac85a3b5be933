// SPDX-License-Identifier: BSD-2-Clause
// Replies: what a partition can and can't bring about, for every operation, field, policy and verdict (invariant I4).

#include "verdict.h"

#include "replies.h"

TEST(an_empty_reply_does_nothing)
{
    start();
    CHECK_EQ(decode(), STATUS_OK);
    CHECK_EQ(batch->action_count, 0);
}

TEST(every_operation_needs_its_right)
{
    static const uint32_t right[OP_COUNT] = {
#define OP(name, needed, needs) RIGHT_##needed,
#include <caps/op.def>
#undef OP
    };
    start();
    for (unsigned code = 0; code < OP_COUNT; code++) {
        if (right[code] == RIGHT_NONE)
            continue;
        partition.header.rights = ~right[code];
        CHECK_EQ(try((enum op_code)code, VMCS_HANDLE_02, 0, 0x5000, 0x5000), STATUS_DENIED);
    }
    CHECK_EQ(try(OP_COUNT, 0, 0, 0, 0), STATUS_BAD_CALL);
    CHECK_EQ(fake_vmcs02_calls, 0);
}

TEST(too_many_operations_are_refused)
{
    start();
    reply.op_count = OP_MAX + 1;
    CHECK_EQ(decode(), STATUS_BAD_ARG);
    reply.op_count = 0xffff;
    CHECK_EQ(decode(), STATUS_BAD_ARG);
}

// May a partition that has all rights write the field into such a VMCS?
static bool writable(enum vmcs_kind kind, unsigned field)
{
    const struct vmcs_field_info *info = &vmcs_field_info[field];
    if (kind == VMCS_KIND_SHADOW)
        return true;
    if (info->policy == POLICY_KERNEL || info->policy == POLICY_READ_ONLY)
        return false;
    return kind == VMCS_KIND_02 || encoding_class(info->encoding) == CLASS_GUEST || info->group == GROUP_INDEX_EVENT ||
           info->group == GROUP_INDEX_EVENT_DATA ||
           info->group == GROUP_INDEX_CR_SHADOW;
}

static void expect_written(enum vmcs_kind kind, unsigned field, uint64_t value, uint64_t is)
{
    const struct vmcs_field_info *info = &vmcs_field_info[field];
    if (kind == VMCS_KIND_SHADOW || info->policy == POLICY_FREE || info->policy == POLICY_ADDRESS) {
        CHECK_EQ(is, value);
        return;
    }
    static const struct { uint8_t field, word; } controls[] = { { VMCS_PIN_CONTROLS, WORD_PIN }, { VMCS_PROC_CONTROLS, WORD_PROC },
        { VMCS_PROC_CONTROLS2, WORD_PROC2 }, { VMCS_EXIT_CONTROLS, WORD_EXIT }, { VMCS_ENTRY_CONTROLS, WORD_ENTRY } };
    for (unsigned i = 0; i < 5; i++) {
        if (controls[i].field != field)
            continue;
        CHECK_EQ(is & fake_caps.forced1[controls[i].word], fake_caps.forced1[controls[i].word]);
        CHECK_EQ(is & fake_caps.forced0[controls[i].word], 0);
        CHECK_EQ(is >> 32, 0);
    }
    if (field == VMCS_GUEST_CR0)
        CHECK_EQ(is & fake_caps.cr0_fixed0, fake_caps.cr0_fixed0);
    if (field == VMCS_GUEST_CR4)
        CHECK_EQ(is & fake_caps.cr4_fixed0, fake_caps.cr4_fixed0);
}

TEST(every_field_obeys_its_policy_in_every_kind_of_vmcs)
{
    static const uint64_t values[] = { 0, 0x5000, 0xfffff000 & (FAKE_RAM_BYTES - 1) };
    start();
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++) {
        for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
            for (unsigned i = 0; i < 3; i++) {
                uint64_t before = fake_field[kind][field];
                enum status status = try(OP_WRITE_FIELD, kind, field, values[i], 0);
                if (!writable((enum vmcs_kind)kind, field)) {
                    CHECK_EQ(status, STATUS_DENIED);
                    CHECK_EQ(fake_field[kind][field], before);
                } else {
                    CHECK_EQ(status, STATUS_OK);
                    expect_written((enum vmcs_kind)kind, field, values[i], fake_field[kind][field]);
                }
            }
        }
    }
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_02, VMCS_FIELD_COUNT, 0, 0), STATUS_BAD_ARG);
}

// L1's CPUs wait for SIPI when the kernel has them wait; an L2's does as its hypervisor says, and the kernel looks at it before the entry.
TEST(only_an_l2_is_put_into_wait_for_sipi)
{
    start();
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_01, VMCS_GUEST_ACTIVITY_STATE, 3, 0), STATUS_OK);
    CHECK_EQ(fake_field[0][VMCS_GUEST_ACTIVITY_STATE], 0xffffffff);
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_01, VMCS_GUEST_ACTIVITY_STATE, 3ull << 32 | 3, 0), STATUS_OK);
    CHECK_EQ(fake_field[0][VMCS_GUEST_ACTIVITY_STATE], 0xffffffff);
    for (unsigned way = 0; way < 3; way++) {
        fake_vmcs02[0].may_wait = false;
        CHECK_EQ(try(OP_WRITE_GROUPS, VMCS_HANDLE_02, 0, ALL_GROUPS & ~(GROUP_ACTIVITY | GROUP_APIC), 0), STATUS_OK);
        CHECK(!fake_vmcs02[0].may_wait);
        fake_field[VMCS_HANDLE_SHADOW][VMCS_GUEST_ACTIVITY_STATE] = reply.field[1][VMCS_GUEST_ACTIVITY_STATE] = 3;
        CHECK_EQ(way == 0   ? try(OP_WRITE_FIELD, VMCS_HANDLE_02, VMCS_GUEST_ACTIVITY_STATE, 3, 0)
                 : way == 1 ? try(OP_WRITE_GROUPS, VMCS_HANDLE_02, 1, GROUP_ACTIVITY, 0)
                            : try(OP_COPY_GROUPS, VMCS_HANDLE_02, VMCS_HANDLE_SHADOW, GROUP_ACTIVITY, 0), STATUS_OK);
        CHECK_EQ(fake_field[VMCS_HANDLE_02][VMCS_GUEST_ACTIVITY_STATE], 3);
        CHECK(fake_vmcs02[0].may_wait);
    }
}

TEST(a_field_that_the_cpu_lacks_is_refused)
{
    start();
    fake_caps.allowed1[WORD_PROC] &= ~PROC_USE_TPR_SHADOW;
    make_policy();
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_02, VMCS_TPR_THRESHOLD, 0, 0), STATUS_BAD_FIELD);
    uint64_t before = fake_field[VMCS_KIND_02][VMCS_TPR_THRESHOLD];
    CHECK_EQ(try(OP_WRITE_GROUPS, VMCS_HANDLE_02, 0, GROUP_APIC, 0), STATUS_OK);
    CHECK_EQ(fake_field[VMCS_KIND_02][VMCS_TPR_THRESHOLD], before);
}

TEST(groups_write_what_they_name_and_leave_out_what_is_the_kernels)
{
    start();
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++) {
        for (unsigned group = 0; group < GROUP_COUNT; group++) {
            for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
                reply.field[1][field] = 0x5000;
            uint64_t before[VMCS_FIELD_COUNT];
            memcpy(before, fake_field[kind], sizeof(before));
            CHECK_EQ(try(OP_WRITE_GROUPS, kind, 1, 1ull << group, 0), STATUS_OK);
            for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
                if (vmcs_field_info[field].group == group && writable((enum vmcs_kind)kind, field))
                    expect_written((enum vmcs_kind)kind, field, 0x5000, fake_field[kind][field]);
                else
                    CHECK_EQ(fake_field[kind][field], before[field]);
            }
        }
    }
    CHECK_EQ(try(OP_WRITE_GROUPS, 0, MSG_BANKS, GROUPS_RIP, 0), STATUS_BAD_ARG);
}

TEST(groups_that_do_not_exist_are_denied)
{
    start();
    for (unsigned group = GROUP_COUNT; group < 64; group++) {
        CHECK_EQ(try(OP_WRITE_GROUPS, VMCS_HANDLE_02, 0, 1ull << group, 0), STATUS_DENIED);
        CHECK_EQ(try(OP_COPY_GROUPS, VMCS_HANDLE_02, VMCS_HANDLE_SHADOW, 1ull << group, 0), STATUS_DENIED);
        CHECK(!cap_check(&partition.header, CAP_READ, 0, 1ull << group));
    }
}

TEST(only_granted_groups_are_read_and_written)
{
    start();
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++)
        partition.header.vmcs[kind] = (struct vmcs_cap){ GROUPS_EXIT, GROUPS_RIP };
    CHECK_EQ(try(OP_WRITE_GROUPS, VMCS_HANDLE_01, 0, GROUPS_RIP, 0), STATUS_OK);
    CHECK_EQ(try(OP_WRITE_GROUPS, VMCS_HANDLE_01, 0, GROUPS_RIP | GROUPS_CR, 0), STATUS_DENIED);
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_01, VMCS_GUEST_CR3, 0, 0), STATUS_DENIED);
    CHECK_EQ(try(OP_L1_FLUSH, 0, 0, 0, 0), STATUS_DENIED);
    CHECK_EQ(fake_l1_flushes, 0);
    partition.header.vmcs[VMCS_KIND_01].write = GROUPS_CR;
    CHECK_EQ(try(OP_L1_FLUSH, 0, 0, 0, 0), STATUS_OK);
    CHECK_EQ(fake_l1_flushes, 1);
    CHECK_EQ(try(OP_COPY_GROUPS, VMCS_HANDLE_SHADOW, VMCS_HANDLE_02, GROUPS_RIP, 0), STATUS_DENIED);
    CHECK_EQ(try(OP_COPY_GROUPS, VMCS_HANDLE_SHADOW, VMCS_HANDLE_02, GROUPS_EXIT, 0), STATUS_DENIED);
}

TEST(copies_obey_the_policy_of_where_they_go)
{
    start();
    CHECK_EQ(try(OP_COPY_GROUPS, VMCS_HANDLE_SHADOW, VMCS_HANDLE_02, GROUPS_EXIT | GROUPS_RIP, 0), STATUS_OK);
    CHECK_EQ(fake_field[1][VMCS_EXIT_REASON], fake_field[2][VMCS_EXIT_REASON]);
    CHECK_EQ(fake_field[1][VMCS_GUEST_RSP], fake_field[2][VMCS_GUEST_RSP]);
    uint64_t reason = fake_field[2][VMCS_EXIT_REASON];
    fake_field[1][VMCS_EXIT_REASON] = 77;
    fake_field[1][VMCS_GUEST_CR4] = 0;
    CHECK_EQ(try(OP_COPY_GROUPS, VMCS_HANDLE_02, VMCS_HANDLE_SHADOW, GROUPS_EXIT | GROUPS_CR, 0), STATUS_OK);
    CHECK_EQ(fake_field[2][VMCS_EXIT_REASON], reason);
    CHECK_EQ(fake_field[2][VMCS_GUEST_CR4], fake_caps.cr4_fixed0);
}

TEST(an_address_outside_of_l1s_memory_is_a_status)
{
    start();
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_02, VMCS_VIRTUAL_APIC_ADDR, FAKE_HIDDEN_FIRST, 0), STATUS_BAD_ADDRESS);
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_02, VMCS_APIC_ACCESS_ADDR, FAKE_RAM_BYTES, 0), STATUS_BAD_ADDRESS);
    CHECK(batch_status_returned(STATUS_BAD_ADDRESS));
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_SHADOW, VMCS_VIRTUAL_APIC_ADDR, FAKE_HIDDEN_FIRST, 0), STATUS_OK);
}

TEST(a_vmcs02_belongs_to_one_cpu_and_one_partition)
{
    start();
    fake_vmcs02[1].active_cpu = 3;
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_02 + 1, VMCS_GUEST_RIP, 0, 0), STATUS_BUSY);
    CHECK_EQ(try(OP_VMCS_CLEAR, VMCS_HANDLE_02 + 1, 0, 0, 0), STATUS_BUSY);
    CHECK_EQ(try(OP_VMCS_RESET, VMCS_HANDLE_02 + 1, 0, 0, 0), STATUS_BUSY);
    CHECK_EQ(try(OP_VMCS_FLUSH, VMCS_HANDLE_02 + FAKE_VMCS02S, 0, 0, 0), STATUS_DENIED);
    CHECK_EQ(try(OP_VMCS_FLUSH, VMCS_HANDLE_01, 0, 0, 0), STATUS_DENIED);
    CHECK_EQ(try(OP_VMCS_FLUSH, 0xffff, 0, 0, 0), STATUS_DENIED);
    CHECK_EQ(try(OP_WRITE_FIELD, 0xffff, VMCS_GUEST_RIP, 0, 0), STATUS_DENIED);
    CHECK_EQ(fake_vmcs02_calls, 0);
}

TEST(a_vmcs02_that_the_batch_clears_is_not_touched_afterwards)
{
    start();
    add(OP_VMCS_CLEAR, VMCS_HANDLE_02, 0, 0, 0);
    add(OP_WRITE_FIELD, VMCS_HANDLE_02, VMCS_GUEST_RIP, 5, 0);
    CHECK_EQ(decode(), STATUS_BAD_STATE);
    add(OP_VMCS_CLEAR, VMCS_HANDLE_02, 0, 0, 0);
    add(OP_VMCS_FLUSH, VMCS_HANDLE_02, 0, 0, 0);
    CHECK_EQ(decode(), STATUS_BAD_STATE);
    CHECK_EQ(try(OP_VMCS_CLEAR, VMCS_HANDLE_02, 0, 0, 0), STATUS_OK);
    CHECK_EQ(try(OP_VMCS_FLUSH, VMCS_HANDLE_02, 0, 0, 0), STATUS_OK);
}

TEST(without_shadow_vmcs_there_is_none)
{
    start();
    fake_cpu.shadow.v = 0;
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_SHADOW, VMCS_GUEST_RIP, 0, 0), STATUS_UNSUPPORTED);
    CHECK_EQ(try(OP_SHADOW, 0, 1, 0, 0), STATUS_UNSUPPORTED);
    CHECK_EQ(try(OP_SHADOW, 0, 0, 0, 0), STATUS_OK);
    CHECK_EQ(try(OP_SHADOW, 0, 2, 0, 0), STATUS_BAD_ARG);
}

TEST(bitmap_places_are_checked)
{
    start();
    CHECK_EQ(try(OP_BITMAP, VMCS_HANDLE_02, 2u << 16 | 511, 0, 0), STATUS_OK);
    CHECK_EQ(try(OP_BITMAP, VMCS_HANDLE_02, 3u << 16, 0, 0), STATUS_BAD_ARG);
    CHECK_EQ(try(OP_BITMAP, VMCS_HANDLE_02, 512, 0, 0), STATUS_BAD_ARG);
}

TEST(a_batch_that_fails_at_its_end_has_done_nothing)
{
    start();
    uint64_t before[FAKE_VMCSS][VMCS_FIELD_COUNT];
    memcpy(before, fake_field, sizeof(before));
    for (unsigned i = 0; i < 20; i++)
        add(OP_WRITE_FIELD, VMCS_HANDLE_02, VMCS_GUEST_RIP, i, 0);
    add(OP_VMCS_EPT, VMCS_HANDLE_02, 0, 0x77000, 0);
    add(OP_EPT_CREATE, 0, 0, 0x77000, 0);
    add(OP_EPT_MAP, 0, ept_map_pack(0, 7, 6, 0), 0x5000, 0x5000);
    add(OP_WRITE_FIELD, VMCS_HANDLE_02, VMCS_HOST_RIP, 0, 0);
    uint32_t pages = ept02_pages_used();
    CHECK_EQ(decode(), STATUS_DENIED);
    CHECK(memcmp(before, fake_field, sizeof(before)) == 0);
    CHECK_EQ(ept02_pages_used(), pages);
    CHECK_EQ(fake_vmcs02_calls, 0);
    CHECK_EQ(batch->failed_op, 23);
}

TEST(field_writes_are_limited)
{
    start();
    for (unsigned i = 0; i < OP_MAX; i++)
        add(OP_WRITE_GROUPS, VMCS_HANDLE_02, 0, ALL_GROUPS, 0);
    CHECK_EQ(decode(), STATUS_OK);  // most groups are written as they are, or masked: the checked ones of so many operations fit
    CHECK(batch->write_count <= FIELD_WRITES_MAX);
    for (unsigned i = 0; i < BATCH_COPIES + 1; i++)
        add(OP_COPY_GROUPS, VMCS_HANDLE_SHADOW, VMCS_HANDLE_02, ALL_GROUPS, 0);
    CHECK_EQ(decode(), STATUS_BAD_ARG);
    // As many actions as there can be: two an operation.
    for (unsigned i = 0; i < OP_MAX; i++)
        add(OP_WRITE_GROUPS, VMCS_HANDLE_02, 0, GROUP_APIC | GROUPS_RIP, 0);
    CHECK_EQ(decode(), STATUS_OK);
    CHECK_EQ(batch->action_count, 2 * OP_MAX);
}

TEST(writes_of_event_into_the_vmcs02_that_exited_are_noticed)
{
    start();
    add(OP_WRITE_FIELD, VMCS_HANDLE_02 + 1, VMCS_ENTRY_INTR_INFO, 0, 0);
    CHECK_EQ(decode(), STATUS_OK);
    CHECK_EQ(batch->wrote_event, false);
    add(OP_WRITE_FIELD, VMCS_HANDLE_02, VMCS_ENTRY_INTR_INFO, 0, 0);
    CHECK_EQ(decode(), STATUS_OK);
    CHECK_EQ(batch->wrote_event, true);
}

TEST(mapping_fails_as_a_status_before_anything_happens)
{
    start();
    uint32_t a = ept_map_pack(EPT_LEVEL_4K, 7, 6, 0);
    CHECK_EQ(try(OP_EPT_CREATE, 0, 0, 0x77000, 0), STATUS_OK);
    CHECK_EQ(try(OP_EPT_CREATE, 0, 0, 0, 0), STATUS_BAD_ARG);
    CHECK_EQ(try(OP_EPT_CREATE, 0, 0, ~0ull, 0), STATUS_BAD_ARG);
    CHECK_EQ(try(OP_EPT_MAP, 2, a, 0x5000, 0x5000), STATUS_DENIED);
    CHECK_EQ(try(OP_EPT_MAP, 0, a, 0x5001, 0x5000), STATUS_BAD_ARG);
    CHECK_EQ(try(OP_EPT_MAP, 0, a, 0x5000, FAKE_HIDDEN_FIRST), STATUS_OK);  // the decoy
    for (unsigned i = 0; i < OP_MAX; i++)
        add(OP_EPT_MAP, 0, a, (uint64_t)i << 39, 0x5000);
    CHECK_EQ(decode(), STATUS_NO_TABLES);
    CHECK(batch_status_returned(STATUS_NO_TABLES));
    CHECK_EQ(try(OP_EPT_MAP, 0, a, 0x6000, 0x5000), STATUS_OK);  // nothing stays set aside
    fake_cpu.vmcs02 = NULL;
    CHECK_EQ(try(OP_EPT_BIND, 0, 0, 0, 0), STATUS_BAD_STATE);
}

TEST(a_run_of_mappings_is_checked_entry_by_entry)
{
    start();
    const uint64_t good = 0x5000 | 6 << 3 | EPT_READ | EPT_EXECUTE;
    const uint64_t bad[] = { good | 1ull << 7, good | 1ull << 9, good | 1ull << 63, (good & ~7ull) | EPT_WRITE, good & ~7ull, (good & ~0x38ull) | 2 << 3,
        good | 1ull << 51 };
    CHECK_EQ(try(OP_EPT_CREATE, 0, 0, 0x77000, 0), STATUS_OK);
    memset(reply.field[0], 0, sizeof(reply.field[0]));
    for (unsigned i = 0; i < EPT_RUN_MAX; i++) {
        reply.field[0][i] = good + (i << 12);
        CHECK_EQ(try(OP_EPT_MAP_RUN, 0, EPT_RUN_MAX, 0x200000, 0), STATUS_OK);
        for (unsigned k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
            reply.field[0][i] = bad[k];
            CHECK_EQ(try(OP_EPT_MAP_RUN, 0, EPT_RUN_MAX, 0x200000, 0), STATUS_BAD_ARG);
            CHECK_EQ(try(OP_EPT_MAP_RUN, 0, i, 0x200000, 0), STATUS_OK);  // as far as it is read
        }
        reply.field[0][i] = i % 3 ? 0 : good;
    }
    CHECK_EQ(try(OP_EPT_MAP_RUN, 0, EPT_RUN_MAX, 0x400000 - (EPT_RUN_MAX << 12), 0), STATUS_OK);
    CHECK_EQ(try(OP_EPT_MAP_RUN, 0, EPT_RUN_MAX, 0x401000 - (EPT_RUN_MAX << 12), 0), STATUS_BAD_ARG);
    CHECK_EQ(try(OP_EPT_MAP_RUN, 0, EPT_RUN_MAX + 1, 0x200000, 0), STATUS_BAD_ARG);
    CHECK_EQ(try(OP_EPT_MAP_RUN, 0, ~0u, 0x200000, 0), STATUS_BAD_ARG);
    CHECK_EQ(try(OP_EPT_MAP_RUN, 0, 1, 0x200008, 0), STATUS_BAD_ARG);
    CHECK_EQ(try(OP_EPT_MAP_RUN, 0, 1, 1ull << 48, 0), STATUS_BAD_ARG);
    CHECK_EQ(try(OP_EPT_MAP_RUN, 2, 1, 0x200000, 0), STATUS_DENIED);
    for (unsigned i = 0; i <= BATCH_COPIES; i++)
        add(OP_EPT_MAP_RUN, 0, 1, 0x200000, 0);
    CHECK_EQ(decode(), STATUS_BAD_ARG);
}

TEST(faults_are_injected_by_right)
{
    start();
    CHECK_EQ(try(OP_INJECT, 0, FAKE_INJECT_KIND, 77, 99), STATUS_OK);
    CHECK(fake_injected.kind == FAKE_INJECT_KIND && fake_injected.number == 77 && fake_injected.instruction == 99);
    CHECK_EQ(try(OP_INJECT, 0, FAKE_INJECT_KIND + 1, 1, 0), STATUS_UNSUPPORTED);
    CHECK_EQ(try(OP_INJECT, 1, FAKE_INJECT_KIND, 1, 0), STATUS_UNSUPPORTED);
    CHECK_EQ(try(OP_INJECT, 0xffff, FAKE_INJECT_KIND, 1, 0), STATUS_UNSUPPORTED);
    CHECK(batch_status_returned(STATUS_UNSUPPORTED) && batch_status_returned(STATUS_BUSY));
    CHECK_EQ(fake_injected.number, 77);
    partition.header.rights &= ~(uint32_t)RIGHT_INJECT;
    CHECK_EQ(try(OP_INJECT, 0, FAKE_INJECT_KIND, 1, 0), STATUS_DENIED);
    CHECK_EQ(fake_injected.number, 77);
}

TEST(msrs_that_l0_keeps_are_a_status)
{
    start();
    CHECK_EQ(try(OP_MSR_WRITE, 0, fake_msr_refused, 0, 0), STATUS_UNSUPPORTED);
    CHECK_EQ(try(OP_MSR_WRITE, 0, 0x277, 0, 0), STATUS_OK);
    CHECK_EQ(fake_msr, 0x277);
}

TEST(each_kind_of_message_has_its_verdicts)
{
    static const char *const allowed[] = { "RETURN", "RESUME L1 L2 FORWARD", "L1 L2", "RETURN", "L1 L2 FORWARD RETURN" };
    static const char *const name[] = { "RESUME", "L1", "L2", "FORWARD", "RETURN" };
    start();
    reply.sequence = 9;
    for (unsigned kind = MSG_INIT; kind <= MSG_KILL; kind++) {
        for (unsigned verdict = 0; verdict < VERDICT_COUNT + 3; verdict++) {
            struct message message = { .kind = (uint8_t)kind, .origin = ORIGIN_L2 };
            struct answer answer;
            reply.verdict = (uint16_t)verdict;
            bool may = verdict < VERDICT_COUNT && strstr(allowed[kind], name[verdict]) != NULL;
            CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), may ? STATUS_OK : STATUS_BAD_ARG);
            if (may)
                CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 10, &reply, false, &answer), STATUS_BAD_STATE);
            CHECK_EQ(verdict_is_resume(&fake_cpu, &partition, &message, 9, &reply, &answer), kind == MSG_EXIT && verdict == VERDICT_RESUME);
            CHECK(!verdict_is_resume(&fake_cpu, &partition, &message, 10, &reply, &answer));
            reply.op_count = 1;
            CHECK(!verdict_is_resume(&fake_cpu, &partition, &message, 9, &reply, &answer));
            reply.op_count = 0;
        }
    }
    struct message message = { .kind = MSG_EXIT, .origin = ORIGIN_L2 };
    struct answer answer;
    reply.verdict = VERDICT_RESUME;
    reply.set = SET_ALL + 1;
    CHECK(!verdict_is_resume(&fake_cpu, &partition, &message, 9, &reply, &answer));
    reply.set = 0;
    reply.verdict = VERDICT_L2;
    for (unsigned i = 0; i < 8; i++) {
        reply.vmcs02 = i < 7 ? i : 0xffffffff;
        CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), i < FAKE_VMCS02S ? STATUS_OK : STATUS_DENIED);
    }
    reply.vmcs02 = 0;
    partition.header.rights = RIGHT_EPT02;
    CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), STATUS_DENIED);
    reply.verdict = VERDICT_L1;
    CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), STATUS_DENIED);
    message.origin = ORIGIN_L1;
    CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), STATUS_OK);
}

TEST(random_replies_never_write_what_is_the_kernels)
{
    start();
    uint64_t seed = 12345;
    unsigned applied = 0;
    for (int round = 0; round < 100000; round++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        unsigned count = (unsigned)(seed >> 60) % 4 + 1;
        for (unsigned i = 0; i < count; i++) {
            uint64_t r[3];
            for (unsigned j = 0; j < 3; j++) {
                seed = seed * 6364136223846793005ull + 1442695040888963407ull;
                r[j] = seed >> 11;
            }
            add((enum op_code)(r[0] % (OP_COUNT + 1)), (uint32_t)(r[0] >> 8) % 8, (uint32_t)(r[0] >> 16) % 200, r[1], r[2]);
        }
        for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
            reply.field[0][i] = reply.field[1][i] = seed ^ i;
        uint64_t before[FAKE_VMCSS][VMCS_FIELD_COUNT];
        memcpy(before, fake_field, sizeof(before));
        enum status status = decode();
        if (status == STATUS_OK) {
            batch_invoke(batch, &fake_cpu);
            applied++;
        } else {
            CHECK(memcmp(before, fake_field, sizeof(before)) == 0);
        }
        for (unsigned vmcs = 0; vmcs < FAKE_VMCSS; vmcs++)
            for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
                if (!writable(vmcs >= 2 ? VMCS_KIND_02 : (enum vmcs_kind)vmcs, field))
                    CHECK_EQ(fake_field[vmcs][field], before[vmcs][field]);
    }
    CHECK(applied > 1000);
}

// SPDX-License-Identifier: BSD-2-Clause
// What a reply sets of the guest's registers: who may, and what comes of it.

#include "verdict.h"

#include "replies.h"

static const enum vmcs_field completed[] = { VMCS_GUEST_RIP, VMCS_GUEST_RFLAGS, VMCS_GUEST_INTERRUPTIBILITY, VMCS_GUEST_PENDING_DEBUG };

TEST(a_reply_completes_the_instruction_of_an_l1_that_exited)
{
    static const struct { uint64_t rip, length, blocking, rflags, debugctl, rights, rip_after, blocking_after; bool pending; } row[] = {
        { 0x1000, 3, 0, 0x2, 0, 0xa09b, 0x1003, 0, false },
        { 0xfffffffe, 3, 0xb, 0x102, 0, 0xc09b, 1, 8, true },             // 32-bit code wraps; STI and MOV SS end, NMI stays; TF
        { 0xfffffffe, 3, 1, 0x102, 2, 0xa09b, 0x100000001, 0, false },    // DEBUGCTL.BTF: only branches trap
    };
    start();
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        fake_cpu.level = ORIGIN_L1;
        uint64_t *field = fake_field[0], before[VMCS_FIELD_COUNT];
        fake_cpu.rip = row[i].rip;
        field[VMCS_EXIT_INSTRUCTION_LENGTH] = row[i].length;
        field[VMCS_GUEST_INTERRUPTIBILITY] = row[i].blocking;
        field[VMCS_GUEST_RFLAGS] = row[i].rflags;
        field[VMCS_GUEST_DEBUGCTL] = row[i].debugctl;
        field[VMCS_GUEST_CS_ACCESS_RIGHTS] = row[i].rights;
        field[VMCS_GUEST_PENDING_DEBUG] = 0;
        memcpy(before, field, sizeof(before));
        reply.rflags = 0xfffffffffffff7ff;
        for (unsigned g = 0; g < GPR_COUNT; g++)
            fake_cpu.gpr[g] = 100 + g, reply.gpr[g] = 200 + g;
        set_invoke(&fake_cpu, &reply, SET_ADVANCE | SET_FLAGS | SET_GPR(GPR_RBX) | SET_GPR(GPR_R15), fake_cpu.level);
        CHECK_EQ(field[VMCS_GUEST_RIP], row[i].rip_after);
        CHECK_EQ(field[VMCS_GUEST_RFLAGS], row[i].rflags | 0xd5);  // only the status flags, and not OF
        CHECK_EQ(field[VMCS_GUEST_INTERRUPTIBILITY], row[i].blocking_after);
        CHECK_EQ(field[VMCS_GUEST_PENDING_DEBUG], row[i].pending ? 0x4000 : 0);
        for (unsigned j = 0; j < sizeof(completed) / sizeof(completed[0]); j++)
            before[completed[j]] = field[completed[j]];
        CHECK(memcmp(before, field, sizeof(before)) == 0);
        for (unsigned g = 0; g < GPR_COUNT; g++)
            CHECK_EQ(fake_cpu.gpr[g], (g == GPR_RBX || g == GPR_R15 ? 200 : 100) + g);
    }
}

TEST(what_a_reply_sets_is_what_its_message_and_its_header_allow)
{
    start();
    reply.sequence = 9;
    for (unsigned kind = MSG_INIT; kind <= MSG_KILL; kind++) {
        for (unsigned origin = 0; origin < ORIGIN_COUNT; origin++) {
            for (unsigned bit = 0; bit < 32; bit++) {
                struct message message = { .kind = (uint8_t)kind, .origin = (uint8_t)origin };
                struct answer answer;
                bool call = kind == MSG_INIT || kind == MSG_CALL, gpr = bit < GPR_COUNT || 1u << bit == SET_APPLIED, exit = kind == MSG_EXIT && origin == ORIGIN_L1;
                if (kind == MSG_EXIT && origin == ORIGIN_L2 && !gpr && (1u << bit & SET_ALL))
                    continue;  // see below
                reply.verdict = call ? VERDICT_RETURN : VERDICT_L1;
                reply.set = 1u << bit;
                partition.header.vmcs[VMCS_KIND_01].write = GROUP_RIP;
                bool may = call || gpr || (exit && (1u << bit & SET_ALL));
                CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), may ? STATUS_OK : STATUS_BAD_ARG);
                if (may)
                    CHECK_EQ(answer.set, call ? 0 : 1u << bit);
                partition.header.vmcs[VMCS_KIND_01].write = ~GROUP_RIP;
                if (may && !call && !gpr)
                    CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), STATUS_DENIED);
            }
        }
    }
}

TEST(a_reply_completes_the_instruction_of_an_l2_that_goes_on)
{
    start();
    struct vmcs02 *vmcs02 = fake_cpu.vmcs02 = &fake_vmcs02[1];
    struct message message = { .kind = MSG_EXIT, .origin = ORIGIN_L2 };
    struct answer answer;
    reply.sequence = 9;
    reply.verdict = VERDICT_RESUME;
    reply.set = SET_ADVANCE | SET_FLAGS;
    partition.index = 2;
    for (uint32_t owner = 1; owner <= 2; owner++) {  // also one that another partition runs
        vmcs02->partition = owner;
        CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), STATUS_OK);
        CHECK_EQ(answer.set, SET_ADVANCE | SET_FLAGS);
    }
    CHECK_EQ(vmcs02->active_cpu, fake_cpu.index);
    CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, true, &answer), STATUS_DENIED);
    vmcs02->active_cpu = fake_cpu.index + 1;  // given up, and another CPU's by now
    CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), STATUS_BUSY);
    vmcs02->active_cpu = fake_cpu.index;
    partition.header.vmcs[VMCS_KIND_02].write = ~GROUP_RIP;
    CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), STATUS_DENIED);
    partition.header.vmcs[VMCS_KIND_02].write = GROUP_RIP;
    reply.set = SET_APPLIED << 1;
    CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), STATUS_BAD_ARG);
    reply.set = SET_ADVANCE;
    message.origin = ORIGIN_PAL;
    CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), STATUS_BAD_ARG);
    message.origin = ORIGIN_L2;
    for (unsigned verdict = VERDICT_L1; verdict <= VERDICT_FORWARD; verdict++) {
        reply.verdict = (uint16_t)verdict;
        CHECK_EQ(verdict_decode(&fake_cpu, &partition, &message, 9, &reply, false, &answer), STATUS_DENIED);
    }

    const uint64_t rip01 = fake_field[0][VMCS_GUEST_RIP];
    fake_cpu.level = ORIGIN_L2;
    fake_cpu.rip = 0x1000;
    fake_field[3][VMCS_EXIT_INSTRUCTION_LENGTH] = 2;
    fake_field[3][VMCS_GUEST_RFLAGS] = 2;
    set_invoke(&fake_cpu, &reply, SET_ADVANCE, fake_cpu.level);
    CHECK_EQ(fake_field[3][VMCS_GUEST_RIP], 0x1002);
    CHECK_EQ(fake_field[0][VMCS_GUEST_RIP], rip01);
}

// SPDX-License-Identifier: BSD-2-Clause
// Replies of any bytes, of partitions with any rights: none changes a field of a VMCS that is the kernel's, or clears a control that it forces (I4).
#include <caps/msg.h>

#include "check.h"
#include "fake_machine.h"
#include "fake_vmcs.h"
#include "group.h"
#include "input.h"
#include "invoke.h"
#include "loader/policy.h"
#include "reply.h"
#include "verdict.h"

static struct partition partition;
static struct reply reply;

static void start(void)
{
    fake_info.root_count = 4;
    fake_machine_init(256);
    fake_vmcs_init();
    policy_make(&fake_info.policy, &fake_caps);
    group_init(&fake_info.policy);
}

static void make_partition(struct input *input)
{
    // Few partitions have few rights.
    partition.header.rights = take(input, 1) % 4 ? ~0u : (uint32_t)take(input, 4);
    partition.header.vmcs02_count = (uint32_t)take_below(input, FAKE_VMCS02S + 1);
    partition.header.root_count = (uint32_t)take_below(input, 5);
    for (unsigned kind = 0; kind < VMCS_KINDS; kind++) {
        partition.header.vmcs[kind].read = take(input, 1) % 4 ? ~0ull : take(input, 8);
        partition.header.vmcs[kind].write = take(input, 1) % 4 ? ~0ull : take(input, 8);
    }
}

static void make_reply(struct input *input)
{
    memset(&reply, 0, sizeof(reply));
    reply.verdict = (uint16_t)take_below(input, VERDICT_COUNT + 1);
    reply.vmcs02 = (uint32_t)take_below(input, FAKE_VMCS02S + 1);
    reply.op_count = (uint16_t)take_below(input, OP_MAX + 2);
    for (unsigned i = 0; i < reply.op_count && i < OP_MAX; i++) {
        struct op *op = &reply.op[i];
        op->code = (uint16_t)take_below(input, OP_COUNT + 1);
        op->object = (uint16_t)take_below(input, 8);
        op->a = take(input, 1) % 2 ? (uint32_t)take(input, 1) : (uint32_t)take(input, 4);
        op->b = take(input, 8);
        op->c = op->code == OP_EPT_MAP ? take(input, 8) : 0;
    }
    for (unsigned i = 0; i < 4; i++)  // entries of OP_EPT_MAP_RUN, most of them such as it takes
        reply.field[0][take_below(input, EPT_RUN_MAX)] = (take(input, 8) & 0xfffffffff000ull) | 6 << 3 | take(input, 1) % 16;
    for (unsigned i = 0; i < 8; i++)
        reply.field[i % MSG_BANKS][take_below(input, VMCS_FIELD_COUNT)] = take(input, 8);
}

static void check_field(unsigned vmcs, unsigned field, uint64_t before)
{
    const struct vmcs_field_info *info = &vmcs_field_info[field];
    const uint64_t now = fake_field[vmcs][field];
    if (info->policy == POLICY_KERNEL || info->policy == POLICY_READ_ONLY || encoding_class(info->encoding) == CLASS_HOST)
        CHECK_EQ(now, before);
    static const struct { uint8_t field, word; } controls[] = { { VMCS_PIN_CONTROLS, WORD_PIN }, { VMCS_PROC_CONTROLS, WORD_PROC },
        { VMCS_PROC_CONTROLS2, WORD_PROC2 }, { VMCS_EXIT_CONTROLS, WORD_EXIT }, { VMCS_ENTRY_CONTROLS, WORD_ENTRY } };
    for (unsigned i = 0; i < 5; i++) {
        if (controls[i].field != field || now == before)
            continue;
        CHECK(vmcs != 0);
        CHECK_EQ(fake_caps.forced1[controls[i].word] & ~now, 0);
        CHECK_EQ(fake_caps.forced0[controls[i].word] & now, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static bool started;
    static uint64_t before[FAKE_VMCSS][VMCS_FIELD_COUNT];
    struct input input = { data, bytes };
    if (!started)
        start();
    started = true;
    make_partition(&input);
    make_reply(&input);
    struct message message = { .kind = (enum msg_kind)take_below(&input, MSG_KILL + 1), .origin = (enum msg_origin)take_below(&input, ORIGIN_COUNT) };
    struct answer answer;
    memcpy(before, fake_field, sizeof(before));
    memset(fake_page, 0, sizeof(fake_page));
    for (unsigned i = 0; i < FAKE_VMCS02S; i++)  // what an operation gave up or took is as it was for the next input
        fake_vmcs02[i].active_cpu = VMCS02_NO_CPU;
    struct batch *batch = fake_cpu.batch;
    bool good = batch_decode(batch, &fake_cpu, &partition, &reply) == STATUS_OK &&
                verdict_decode(&fake_cpu, &partition, &message, 0, &reply, reply.op_count != 0, &answer) == STATUS_OK;
    if (!good) {
        batch_abandon(batch);
        CHECK(memcmp(before, fake_field, sizeof(before)) == 0);  // nothing of it has happened
        return 0;
    }
    (void)batch_invoke(batch, &fake_cpu);
    for (unsigned vmcs = 0; vmcs < FAKE_VMCSS; vmcs++)
        for (unsigned field = 0; field < VMCS_FIELD_COUNT && vmcs != 1; field++)  // 1: the shadow VMCS, L1's data
            check_field(vmcs, field, before[vmcs][field]);
    return 0;
}

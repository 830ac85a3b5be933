// SPDX-License-Identifier: BSD-2-Clause
// Faults that are asked for while the machine runs: which are refused, and which message gets one.
#include <stdarg.h>
#include <stdlib.h>

#include "../check.h"
#include "boot_info.h"
#include "cr.h"
#include "fault_inject.h"
#include "ipc.h"
#include "log.h"
#include "panic.h"

#define ENTRY 0x401000
#define HANG  0x402000

const struct boot_info *boot_info;
static struct partition partition[2];
static struct channel channel;
static struct message message;
static struct partition_cpu *const slot = &partition[0].cpu[0], *const other = &partition[0].cpu[1];

uint32_t partition_count(void) { return 2; }
struct partition *partition_at(uint32_t index) { return index < 2 ? &partition[index] : NULL; }
void log_line(enum log_level level, const char *format, ...) { (void)level, (void)format; }
void panic(const char *format, ...)
{
    (void)format;
    abort();
}

static void start(void)
{
    partition[0] = (struct partition){ .name = "a", .injected = true, .inject.on_request = true, .header.hang = HANG };
    partition[1] = (struct partition){ .name = "b", .injected = true, .inject = { .kind = INJECT_UD, .message = 3, .count = 2, .span = 1, .spacing = 4 },
                                       .injections = 2, .inject_at = 3 };
    message = (struct message){ .kind = MSG_EXIT };
    *slot = *other = (struct partition_cpu){ .channel = &channel, .message = &message };
}

static uint64_t entry(struct partition *p) { return fault_inject_entry(p, slot, ENTRY); }

TEST(only_what_the_configuration_names)
{
    start();
    for (uint32_t kind = 0; kind < INJECT_KINDS + 3; kind++) {
        CHECK_EQ(fault_inject_check(0, kind), kind >= INJECT_UD && kind <= INJECT_HANG ? STATUS_OK : STATUS_UNSUPPORTED);
        CHECK_EQ(fault_inject_check(1, kind), STATUS_UNSUPPORTED);
        CHECK_EQ(fault_inject_check(2, kind), STATUS_UNSUPPORTED);
        CHECK_EQ(fault_inject_check(~0u, kind), STATUS_UNSUPPORTED);
    }
    CHECK_EQ(fault_inject_check(0, ~0u), STATUS_UNSUPPORTED);
    partition[0].header.hang = 0;
    CHECK_EQ(fault_inject_check(0, INJECT_HANG), STATUS_UNSUPPORTED);
    CHECK_EQ(fault_inject_check(0, INJECT_PF), STATUS_OK);
}

TEST(the_message_that_was_named_gets_it)
{
    start();
    CHECK(entry(&partition[0]) == ENTRY && entry(&partition[0]) == ENTRY);
    fault_inject_order(&partition[0], INJECT_PF, 3, 0);
    CHECK_EQ(fault_inject_check(0, INJECT_PF), STATUS_BUSY);
    CHECK(entry(&partition[0]) == ENTRY && entry(&partition[0]) == ENTRY && entry(&partition[0]) == 0 && slot->steps == 0);
    fault_inject_end(slot);
    CHECK_EQ(fault_inject_check(0, INJECT_PF), STATUS_OK);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(entry(&partition[0]), ENTRY);
    fault_inject_order(&partition[0], INJECT_HANG, 1, 0);
    CHECK_EQ(entry(&partition[0]), HANG);
}

TEST(a_retry_and_an_init_get_none)
{
    start();
    fault_inject_order(&partition[0], INJECT_PF, 1, 0);
    slot->attempt = 1;
    CHECK_EQ(entry(&partition[0]), ENTRY);
    slot->attempt = 0;
    message.kind = MSG_INIT;
    CHECK_EQ(entry(&partition[0]), ENTRY);
    message.kind = MSG_KILL;
    CHECK_EQ(entry(&partition[0]), ENTRY);
    message.kind = MSG_CALL;
    CHECK_EQ(entry(&partition[0]), 0);
}

TEST(at_an_instruction)
{
    static const struct { uint32_t kind; bool goes_on; uint64_t rip; } row[] = { { INJECT_UD, false, ENTRY }, { INJECT_PF, true, 0 }, { INJECT_HANG, true, HANG } };
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct trap_frame frame = { .rip = ENTRY, .rflags = 2 | RFLAGS_TF };
        start();
        fault_inject_order(&partition[0], row[i].kind, 1, 3);
        CHECK(entry(&partition[0]) == ENTRY && slot->steps == 3);
        CHECK(fault_inject_step(&partition[0], slot, &frame) && fault_inject_step(&partition[0], slot, &frame) && frame.rflags & RFLAGS_TF);
        CHECK(fault_inject_step(&partition[0], slot, &frame) == row[i].goes_on && !(frame.rflags & RFLAGS_TF) && frame.rip == row[i].rip && slot->steps == 0);
    }
}

TEST(a_bad_reply)
{
    start();
    fault_inject_order(&partition[0], INJECT_BAD_REPLY, 1, 7);
    CHECK(entry(&partition[0]) == ENTRY && slot->steps == 0 && slot->inject_kind == INJECT_BAD_REPLY);
    fault_inject_end(slot);
    CHECK_EQ(channel.reply[0].reply.verdict, 0xffff);
    channel.reply[0].reply.verdict = 0;
    CHECK_EQ(entry(&partition[0]), ENTRY);
    fault_inject_end(slot);
    CHECK_EQ(channel.reply[0].reply.verdict, 0);
}

TEST(those_of_the_configuration_come_as_before)
{
    start();
    unsigned hit = 0;
    for (unsigned number = 1; number <= 20; number++) {
        slot->steps = 0;
        CHECK_EQ(entry(&partition[1]), ENTRY);
        if (slot->steps == 1)
            hit |= 1u << number;
    }
    CHECK_EQ(hit, 1u << 3 | 1u << 7);
}

TEST(one_that_is_under_way_keeps_its_kind)
{
    struct trap_frame frame = { .rip = ENTRY, .rflags = 2 | RFLAGS_TF };
    start();
    fault_inject_order(&partition[0], INJECT_UD, 1, 2);
    CHECK(entry(&partition[0]) == ENTRY && slot->steps == 2);
    CHECK_EQ(fault_inject_check(0, INJECT_HANG), STATUS_BUSY);
    fault_inject_order(&partition[0], INJECT_HANG, 9, 0);  // as by a check that came just before
    CHECK(fault_inject_step(&partition[0], slot, &frame) && !fault_inject_step(&partition[0], slot, &frame) && frame.rip == ENTRY);
    fault_inject_end(slot);
    partition[0].injections = 0;
    CHECK_EQ(fault_inject_check(0, INJECT_PF), STATUS_OK);
}

TEST(of_two_faults_none_is_left_of_a_message_that_ended_before_the_first)
{
    start();
    partition[0].inject = (struct boot_inject){ .kind = INJECT_UD_TWICE, .instruction = 100, .count = 1, .span = 1, .on_request = true };
    partition[0].injections = 1;
    CHECK(entry(&partition[0]) == ENTRY && slot->steps == 100);
    fault_inject_end(slot);
    CHECK_EQ(entry(&partition[0]), ENTRY);
    fault_inject_end(slot);
    CHECK_EQ(fault_inject_check(0, INJECT_PF), STATUS_OK);
    slot->attempt = 1;
    CHECK(entry(&partition[0]) == ENTRY && slot->steps == 0);
}

TEST(the_second_of_two_faults_keeps_others_out_as_well)
{
    start();
    partition[0].inject = (struct boot_inject){ .kind = INJECT_UD_TWICE, .count = 1, .span = 1, .on_request = true };
    partition[0].injections = 1;
    CHECK(entry(&partition[0]) == ENTRY && slot->steps == 1);
    fault_inject_end(slot);
    CHECK_EQ(fault_inject_check(0, INJECT_PF), STATUS_BUSY);
    slot->attempt = 1;
    slot->steps = 0;
    CHECK(entry(&partition[0]) == ENTRY && slot->steps == 1);
    fault_inject_end(slot);
    CHECK_EQ(fault_inject_check(0, INJECT_PF), STATUS_OK);
}

TEST(two_cpus_get_one_fault)
{
    start();
    fault_inject_order(&partition[0], INJECT_PF, 1, 0);
    CHECK_EQ(fault_inject_entry(&partition[0], other, ENTRY), 0);
    CHECK_EQ(entry(&partition[0]), ENTRY);
    CHECK_EQ(partition[0].injections, 0);
}

// SPDX-License-Identifier: BSD-2-Clause
// The state region: what a message wrote is undone exactly if the message was not completed.

#include <rt/channel.h>
#include <rt/panic.h>
#include <rt/state.h>

#include "harness.h"
#include "subject.h"

STATE static struct { uint64_t a; uint32_t b; uint16_t c; uint8_t d; bool e; uint64_t block[4]; } state;

static void write_all(const struct request *req, struct reply *rep)
{
    (void)rep;
    if (req->kind == MSG_INIT)
        return;
    state_set(&state.a, 0x1122334455667788);
    state_set(&state.b, 0x99aabbccu);
    state_set(&state.c, (uint16_t)0xddee);
    state_set(&state.d, (uint8_t)0x77);
    state_set(&state.e, true);
    state_set(&state.a, 5);
    const uint64_t block[4] = { 1, 2, 3, 4 };
    state_copy(state.block, block, sizeof(block));
}

TEST(state_keeps_what_a_completed_message_wrote)
{
    subject_answer = write_all;
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    CHECK_EQ(rt_journal[0].count, 10);
    world_init(1, 0);
    CHECK_EQ(state.a, 5);
    CHECK_EQ(state.b, 0x99aabbcc);
    CHECK_EQ(state.c, 0xddee);
    CHECK_EQ(state.d, 0x77);
    CHECK(state.e);
    CHECK_EQ(state.block[3], 4);
    CHECK_EQ(rt_journal[0].count, 0);
}

TEST(state_is_rolled_back_where_the_message_was_not_completed)
{
    state.a = 42;
    state.c = 7;
    state.block[2] = 9;
    subject_answer = write_all;
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    world_init(1, 1);
    CHECK_EQ(state.a, 42);
    CHECK_EQ(state.b, 0);
    CHECK_EQ(state.c, 7);
    CHECK_EQ(state.d, 0);
    CHECK(!state.e);
    CHECK_EQ(state.block[2], 9);
    CHECK_EQ(rt_journal[0].count, 0);
}

TEST(state_of_a_message_stays_where_the_next_one_faults_before_it_begins)
{
    subject_answer = write_all;
    const struct reply *rep = world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    CHECK_EQ(rt_journal[0].count, 10);
    struct request *next = &rt_channel[0].channel.request[ring_slot(rep->sequence + 2)].request;
    next->kind = MSG_EXIT;
    next->sequence = rep->sequence + 100;
    world_init(1, 1);
    CHECK_EQ(state.a, 5);
    CHECK_EQ(state.block[3], 4);
    CHECK_EQ(rt_journal[0].count, 0);
}

TEST(state_of_other_cpus_is_rolled_back_by_itself)
{
    subject_answer = write_all;
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    world_cpu = 3;
    write_all(&(struct request){ .kind = MSG_EXIT }, NULL);
    state_set(&state.b, 1u);
    world_cpu = 0;
    world_init(1, 1u << 3);
    CHECK_EQ(state.a, 5);
    CHECK_EQ(state.b, 0x99aabbcc);
    CHECK_EQ(rt_journal[3].count, 0);
}

TEST(state_journal_is_emptied_by_the_next_message)
{
    subject_answer = write_all;
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    CHECK_EQ(rt_journal[0].count, 10);
}

static void overflow(void)
{
    for (unsigned i = 0; i <= STATE_JOURNAL; i++)
        state_set(&state.a, i);
}

TEST(state_journal_overflow_is_a_panic)
{
    CHECK(world_faults(overflow));
    CHECK_EQ(state.a, STATE_JOURNAL - 1);
    state_roll_back(1);
    CHECK_EQ(state.a, 0);
}

TEST(state_lock_excludes_and_frees)
{
    static struct state_lock lock;
    state_lock(&lock);
    CHECK_EQ(lock.held, 1);
    state_unlock(&lock);
    state_lock(&lock);
    CHECK_EQ(lock.held, 1);
}

// SPDX-License-Identifier: BSD-2-Clause
// Who gets the watchdog's NMI: a CPU that stays in one message for longer than the budget, and no other.

#include "../check.h"
#include "exit.h"
#include "fake_machine.h"
#include "fake_vmcs.h"
#include "lapic.h"
#include "partition.h"
#include "shootdown.h"
#include "vmcs.h"
#include "watchdog.h"

#define BUDGET 1000

struct cpu *cpu_table[CPU_MAX];
uint32_t cpu_count;
static struct cpu other, third;
static struct partition slow, quick;
static unsigned kicked[3];

void shootdown_kick(struct cpu *cpu) { kicked[cpu->index]++; }
uint32_t lapic_counter(uint32_t entry) { CHECK(false); return entry; }  // counter_test.c

static void start(uint64_t budget)
{
    static bool made;
    if (!made)
        fake_machine_init(16);
    made = true;
    fake_vmcs_init();
    vmcs_load(&fake_cpu, fake_cpu.vmcs01);
    fake_cpu.index = 0;
    other = (struct cpu){ .index = 1 };
    third = (struct cpu){ .index = 2 };
    cpu_table[0] = &fake_cpu, cpu_table[1] = &other, cpu_table[2] = &third;
    cpu_count = 3;
    slow = (struct partition){ .index = 0 };
    quick = (struct partition){ .index = 1 };
    kicked[0] = kicked[1] = kicked[2] = 0;
    fake_info.watchdog_ticks = budget;
}

static void look(uint64_t now)
{
    static struct event event;
    event.tsc = now;
    fake_cpu.event = &event;
    watchdog_exit(&fake_cpu);
}

TEST(who_stays_too_long_gets_one)
{
    start(BUDGET);
    other.partition = &slow;
    slow.cpu[1].sequence = 7;
    look(5000);
    look(5000 + BUDGET);
    CHECK_EQ(kicked[1], 0);
    CHECK(!watchdog_expired(&other));
    look(5001 + BUDGET);
    CHECK_EQ(kicked[1], 1);
    CHECK(watchdog_expired(&other));
    look(5002 + BUDGET);
    CHECK_EQ(kicked[1], 2);  // the first one found it in the kernel
    CHECK_EQ(kicked[0] + kicked[2], 0);
}

TEST(the_next_message_has_its_own_time)
{
    start(BUDGET);
    other.partition = &slow;
    slow.cpu[1].sequence = 7;
    look(0);
    look(2 * BUDGET);
    slow.cpu[1].sequence = 8;
    CHECK(!watchdog_expired(&other));  // the NMI comes late
    look(4 * BUDGET);
    CHECK_EQ(kicked[1], 1);
    other.partition = &quick;  // which is called by that message
    quick.cpu[1].sequence = 8;
    look(6 * BUDGET);
    CHECK_EQ(kicked[1], 1);
    other.partition = NULL;
    look(8 * BUDGET);
    look(10 * BUDGET);
    CHECK_EQ(kicked[1], 1);
    CHECK(!watchdog_expired(&other));
}

TEST(counters_that_differ_between_cpus_do_no_harm)
{
    start(BUDGET);
    other.partition = &slow;
    slow.cpu[1].sequence = 1;
    look(5000);
    look(4000);
    CHECK_EQ(kicked[1], 0);
}

TEST(the_tick_fits_the_timer)
{
    start(BUDGET << 5);
    fake_caps.msr[VMX_CAP_MISC] = 5;
    watchdog_arm();
    CHECK_EQ(fake_field[0][VMCS_PREEMPTION_TIMER], BUDGET + 1);
    fake_caps.msr[VMX_CAP_MISC] = 31;
    watchdog_arm();
    CHECK_EQ(fake_field[0][VMCS_PREEMPTION_TIMER], 1);  // with 0 L1 would get nothing done
    fake_caps.msr[VMX_CAP_MISC] = 5;
    fake_info.watchdog_ticks = 1ull << 40;
    watchdog_arm();
    CHECK_EQ(fake_field[0][VMCS_PREEMPTION_TIMER], 0xffffffff);
    fake_caps.msr[VMX_CAP_MISC] = 0;
}

TEST(without_a_budget_nobody_watches)
{
    start(0);
    other.partition = &slow;
    slow.cpu[1].sequence = 1;
    look(1);
    look(1ull << 40);
    CHECK_EQ(kicked[1], 0);
    CHECK_EQ(fake_field[0][VMCS_PREEMPTION_TIMER], 0xffffffff);
}

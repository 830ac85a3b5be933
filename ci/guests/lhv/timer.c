// SPDX-License-Identifier: BSD-2-Clause
// The VMX-preemption timer, the time-stamp counter, the monitor trap flag (SDM 3C 26.5.1, 26.5.2, 25.6.5).

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "trap.h"
#include "x86.h"

void timer_tests(void);

L2(timer_loop, "1: pause\n\tjmp 1b");
L2(timer_count, "mov $1000, %ecx\n\t1: loop 1b");
L2(timer_rdtsc, "rdtsc\n\tshl $32, %rdx\n\tor %rdx, %rax");
L2(timer_steps, "nop\n\tmov $1, %eax\n\tinc %eax");
L2(timer_step_ud, "nop\n\tud2");
L2(timer_cpuid, "cpuid");
L2(timer_rep, "mov $3, %ecx\n\trep stosb");

static void expires(uint64_t unused)
{
    (void)unused;
    NEED(PIN, PREEMPTION_TIMER);
    W(PREEMPTION_TIMER, 2000);
    l2_start(timer_loop);
    want_exit(EXIT_PREEMPTION_TIMER);
    expect("PREEMPTION_TIMER isn't saved", R(PREEMPTION_TIMER), 2000);
    expect("interruption information", R(EXIT_INTR_INFO) & EVENT_VALID, 0);
}

static void zero_exits_at_once(uint64_t unused)
{
    (void)unused;
    NEED(PIN, PREEMPTION_TIMER);
    W(PREEMPTION_TIMER, 0);
    l2_start(timer_cpuid);
    want_exit(EXIT_PREEMPTION_TIMER);
    expect("GUEST_RIP", R(GUEST_RIP), address(timer_cpuid));
    W(PREEMPTION_TIMER, 100000);
    want_exit(EXIT_CPUID);
}

static void saved(uint64_t unused)
{
    (void)unused;
    NEED(PIN, PREEMPTION_TIMER);
    NEED(EXIT, SAVE_PREEMPTION_TIMER);
    W(PREEMPTION_TIMER, 1u << 30);
    l2_start(timer_count);
    want_end();
    const uint64_t left = R(PREEMPTION_TIMER);
    expect("it has counted", left < 1u << 30, 1);
    expect("by L2's time only", (1u << 30) - left < 1000000, 1);
    l2_start(timer_count);
    want_end();
    expect("and goes on", R(PREEMPTION_TIMER) < left, 1);
}

// What is left after many exits adds up: L2's time is counted, not L1's.
static void over_exits(uint64_t unused)
{
    (void)unused;
    NEED(PIN, PREEMPTION_TIMER);
    NEED(EXIT, SAVE_PREEMPTION_TIMER);
    W(PREEMPTION_TIMER, 50000);
    for (unsigned i = 0; i < 3; i++) {
        l2_start(timer_cpuid);
        want_exit(EXIT_CPUID);
        const uint64_t start = tsc();
        while (tsc() - start < 100000)
            cpu_relax();
    }
    expect("time is left", R(PREEMPTION_TIMER) > 0, 1);
}

static void off(uint64_t unused)
{
    (void)unused;
    if (vmcs_has(VMCS_PREEMPTION_TIMER))
        W(PREEMPTION_TIMER, 1);
    l2_start(timer_count);
    want_end();
}

static void tsc_offset(uint64_t unused)
{
    (void)unused;
    NEED(PROC, USE_TSC_OFFSETTING);
    static const uint64_t offsets[] = { 0, 1ull << 40, (uint64_t)-1 << 30, 0x123456789abcdef };
    for (unsigned i = 0; i < 4; i++) {
        W(TSC_OFFSET, offsets[i]);
        const uint64_t before = tsc();
        l2_start(timer_rdtsc);
        want_end();
        const uint64_t in_l2 = GPR(RAX) - offsets[i];
        expect("between L1's readings", in_l2 >= before && in_l2 <= tsc(), 1);
    }
    CLEAR(PROC, USE_TSC_OFFSETTING);
    const uint64_t before = tsc();
    l2_start(timer_rdtsc);
    want_end();
    expect("without offsetting", GPR(RAX) >= before && GPR(RAX) <= tsc(), 1);
}

static void trap_flag(uint64_t unused)
{
    (void)unused;
    NEED(PROC, MONITOR_TRAP_FLAG);
    l2_start(timer_steps);
    static const unsigned offsets[] = { 1, 6, 8 };
    for (unsigned i = 0; i < 3; i++) {
        want_exit(EXIT_MONITOR_TRAP);
        expect("GUEST_RIP", R(GUEST_RIP), address(timer_steps) + offsets[i]);
    }
    want_exit(EXIT_VMCALL);
    expect("RAX", GPR(RAX), 2);
}

// An instruction that exits doesn't give an MTF exit as well; an exception gives one before its handler's first instruction.
static void trap_flag_and_exception(uint64_t unused)
{
    (void)unused;
    NEED(PROC, MONITOR_TRAP_FLAG);
    l2_start(timer_step_ud);
    want_exit(EXIT_MONITOR_TRAP);
    expect("GUEST_RIP: behind NOP", R(GUEST_RIP), address(timer_step_ud) + 1);
    want_exit(EXIT_MONITOR_TRAP);
    expect("GUEST_RIP: the handler", R(GUEST_RIP), address(l2_stub) + VECTOR_UD * 16);
    l2_start(timer_cpuid);
    want_exit(EXIT_CPUID);
}

static void trap_flag_and_injection(uint64_t unused)
{
    (void)unused;
    NEED(PROC, MONITOR_TRAP_FLAG);
    l2_start(timer_steps);
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_HARDWARE | VECTOR_NM);
    want_exit(EXIT_MONITOR_TRAP);
    expect("GUEST_RIP: the handler", R(GUEST_RIP), address(l2_stub) + VECTOR_NM * 16);
}

static void trap_flag_and_rep(uint64_t unused)
{
    (void)unused;
    NEED(PROC, MONITOR_TRAP_FLAG);
    l2_start(timer_rep);
    GPR(RDI) = address(this_cpu()->data);
    want_exit(EXIT_MONITOR_TRAP);
    want_exit(EXIT_MONITOR_TRAP);
    expect("after one iteration", GPR(RCX), 2);
    expect("GUEST_RIP", R(GUEST_RIP), address(timer_rep) + 5);
}

void timer_tests(void)
{
    TEST(expires);
    TEST(zero_exits_at_once);
    TEST(saved);
    TEST(over_exits);
    TEST(off);
    TEST(tsc_offset);
    TEST(trap_flag);
    TEST(trap_flag_and_exception);
    TEST(trap_flag_and_injection);
    TEST(trap_flag_and_rep);
}

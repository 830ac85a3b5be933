// SPDX-License-Identifier: BSD-2-Clause
// External interrupts and interrupt windows (SDM 3C 26.2 "Other Causes of VM Exits", 27.7.5 "Interrupt-Window Exiting").

#include "cpu_insn.h"
#include "l2.h"
#include "lapic.h"
#include "x86.h"

void interrupt_tests(void);

L2(interrupt_nops, ".fill 32, 1, 0x90");
L2(interrupt_sti, "sti\n\tnop\n\tnop");
L2(interrupt_loop, "1: pause\n\tjmp 1b");
L2(interrupt_mov_ss, "mov %ss, %eax\n\tsti\n\tmov %eax, %ss\n\tnop\n\tnop");

#define VECTOR 0x61

static void send(unsigned vector) { lapic_send(this_cpu()->apic_id, ICR_FIXED | vector); }

static void window_open(uint64_t unused)
{
    (void)unused;
    NEED(PROC, INTERRUPT_WINDOW_EXITING);
    l2_start(interrupt_nops);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    want_exit(EXIT_INTERRUPT_WINDOW);
    expect("GUEST_RIP", R(GUEST_RIP), address(interrupt_nops));
}

static void window_closed(uint64_t unused)
{
    (void)unused;
    NEED(PROC, INTERRUPT_WINDOW_EXITING);
    l2_start(interrupt_nops);
    want_end();
}

// The window opens one instruction behind STI.
static void window_after_sti(uint64_t unused)
{
    (void)unused;
    NEED(PROC, INTERRUPT_WINDOW_EXITING);
    l2_start(interrupt_sti);
    want_exit(EXIT_INTERRUPT_WINDOW);
    expect("GUEST_RIP", R(GUEST_RIP), address(interrupt_sti) + 2);
    l2_start(interrupt_nops);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    W(GUEST_INTERRUPTIBILITY, BLOCKED_STI);
    want_exit(EXIT_INTERRUPT_WINDOW);
    expect("GUEST_RIP", R(GUEST_RIP), address(interrupt_nops) + 1);
    expect("interruptibility", R(GUEST_INTERRUPTIBILITY), 0);
}

static void window_after_mov_ss(uint64_t unused)
{
    (void)unused;
    NEED(PROC, INTERRUPT_WINDOW_EXITING);
    l2_start(interrupt_mov_ss);
    W(GUEST_RFLAGS, FLAG_FIXED);
    want_exit(EXIT_INTERRUPT_WINDOW);
    expect("GUEST_RIP", R(GUEST_RIP) - address(interrupt_mov_ss) >= 5, 1);
}

// An event is injected first; its handler has IF = 0.
static void window_and_injection(uint64_t unused)
{
    (void)unused;
    NEED(PROC, INTERRUPT_WINDOW_EXITING);
    l2_start(interrupt_nops);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_EXTERNAL | 0x44);
    want_trap(0x44);
    want_exit(EXIT_INTERRUPT_WINDOW);
    expect("GUEST_RIP: after IRET", R(GUEST_RIP), address(interrupt_nops));
}

static void external_exits(uint64_t acknowledge)
{
    NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
    if (acknowledge)
        NEED(EXIT, ACK_INTERRUPT);
    send(VECTOR);
    l2_start(interrupt_nops);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    want_exit(EXIT_EXTERNAL_INTERRUPT);
    expect("GUEST_RIP", R(GUEST_RIP), address(interrupt_nops));
    if (acknowledge) {
        expect("interruption information", R(EXIT_INTR_INFO), EVENT_VALID | EVENT_EXTERNAL | VECTOR);
        interrupts_on_once();
        expect("not pending any more", this_cpu()->interrupt.count, 0);
        lapic_eoi();
    } else {
        expect("interruption information", R(EXIT_INTR_INFO) & EVENT_VALID, 0);
        interrupts_on_once();
        expect("delivered to L1 then", this_cpu()->interrupt.vector, VECTOR);
    }
    want_end();
}

// It exits while L2 runs, and whatever RFLAGS.IF is.
static void external_in_the_midst(uint64_t unused)
{
    (void)unused;
    NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
    lapic_write(0x3e0, 0xb);         // divide by 1
    lapic_write(LAPIC_LVT_TIMER, VECTOR);
    lapic_write(0x380, 5000);
    l2_start(interrupt_loop);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    want_exit(EXIT_EXTERNAL_INTERRUPT);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
    interrupts_on_once();
    expect("vector", this_cpu()->interrupt.vector, VECTOR);
}

static void external_with_if_0(uint64_t unused)
{
    (void)unused;
    NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
    send(VECTOR);
    l2_start(interrupt_nops);
    l2_run();
    interrupts_on_once();
    expect("exit reason", this_cpu()->exit.reason, EXIT_EXTERNAL_INTERRUPT);
}

// Without the control L2's IDT takes it, as its IF says.
static void external_to_l2(uint64_t unused)
{
    (void)unused;
    send(VECTOR);
    l2_start(interrupt_nops);
    want_end();
    l2_start(interrupt_sti);
    want_trap(VECTOR);
    lapic_eoi();
    want_end();
    expect("none in L1", this_cpu()->interrupt.count, 0);
}

// Blocked by STI in L2: one instruction later.
static void external_to_l2_blocked(uint64_t unused)
{
    (void)unused;
    send(VECTOR);
    l2_start(interrupt_nops);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    W(GUEST_INTERRUPTIBILITY, BLOCKED_STI);
    want_trap(VECTOR);
    lapic_eoi();
    expect("RIP pushed", this_cpu()->l2_trap.rip, address(interrupt_nops) + 1);
}

// L1 waits: STI, HLT; an interrupt wakes it.
static void wait_in_l1(uint64_t unused)
{
    (void)unused;
    send(VECTOR);
    for (unsigned i = 0; i < 3 && this_cpu()->interrupt.count == 0; i++)
        halt_for_interrupt();
    expect("vector", this_cpu()->interrupt.vector, VECTOR);
}

void interrupt_tests(void)
{
    static const char *const acknowledge[] = { "kept", "acknowledged" };
    TEST(window_open);
    TEST(window_closed);
    TEST(window_after_sti);
    TEST(window_after_mov_ss);
    TEST(window_and_injection);
    for (unsigned i = 0; i < 2; i++)
        test_row("external_exits", acknowledge[i], external_exits, i);
    TEST(external_in_the_midst);
    TEST(external_with_if_0);
    TEST(external_to_l2);
    TEST(external_to_l2_blocked);
    TEST(wait_in_l1);
}

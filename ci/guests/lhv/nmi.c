// SPDX-License-Identifier: BSD-2-Clause
// NMIs: exiting, virtual NMIs, and what blocks them in L1 and L2 (SDM 3C 25.6.1, 26.3, 27.6.1, 27.7.6, 28.5.5). The rows say
// NMI exiting / virtual NMIs. Their order is that of nested events: an injected event, then the NMI window, then a pending NMI.

#include "cpu_insn.h"
#include "l2.h"
#include "lapic.h"
#include "nmi.h"
#include "trap.h"
#include "x86.h"

void nmi_tests(void);

L2(nmi_nops, ".fill 32, 1, 0x90");
L2(nmi_send, "mov %eax, 0x310(%rsi)\n\tmovl $0x4400, 0x300(%rsi)\n\t.fill 32, 1, 0x90");
L2(nmi_iret, NMI_IRET);

void nmi_controls(unsigned mode)
{
    if (mode != NMI_PLAIN)
        NEED(PIN, NMI_EXITING);
    if (mode == NMI_VIRTUAL)
        NEED(PIN, VIRTUAL_NMIS);
}

void nmi_to_self(void) { lapic_send(this_cpu()->apic_id, ICR_NMI); }

void nmi_start(const char *code)
{
    l2_start(code);
    GPR(RSI) = msr_read(MSR_APIC_BASE) & 0xfffff000;
    GPR(RAX) = (uint64_t)this_cpu()->apic_id << 24;
}

void nmi_want_exit(void)
{
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO) & ~(uint64_t)EVENT_NMI_IRET, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
}

// The NMI that is due: L2's own, or an exit.
static void want_nmi(uint64_t mode)
{
    if (mode == NMI_PLAIN)
        want_trap(VECTOR_NMI);
    else
        nmi_want_exit();
}

// L1 has taken so many NMIs; then one more when IRET unblocks them.
static void want_l1(uint64_t before_iret, uint64_t after)
{
    expect("NMIs of L1 before IRET", this_cpu()->nmis, before_iret);
    nmi_unblock();
    expect("NMIs of L1 after IRET", this_cpu()->nmis, after);
}

// The handler of L1's first NMI runs the rest of the test, with NMIs blocked.
void nmi_blocked_in_l1(void (*body)(uint64_t), uint64_t mode)
{
    struct cpu *c = this_cpu();
    c->nmi_body = body;
    c->nmi_argument = mode;
    nmi_to_self();
    for (unsigned i = 0; i < 1000 && c->nmi_body != NULL; i++)
        cpu_relax();
    expect("the first NMI", c->nmi_body == NULL, 1);
}

// 1: L2 takes it by its IDT, and blocks NMIs until IRET.
static void to_l2(uint64_t unused)
{
    (void)unused;
    nmi_start(nmi_send);
    want_trap(VECTOR_NMI);
    expect("blocking by NMI", R(GUEST_INTERRUPTIBILITY) & BLOCKED_NMI, BLOCKED_NMI);
    W(GUEST_RIP, address(l2_iret) - 4);
    want_end();
    expect("unblocked by IRET", R(GUEST_INTERRUPTIBILITY) & BLOCKED_NMI, 0);
    want_l1(0, 0);
}

// 2: L2 blocks them and one comes: it stays pending, and blocked, after the exit.
static void blocked_in_l2_stays_pending(uint64_t unused)
{
    (void)unused;
    nmi_start(nmi_send);
    W(GUEST_INTERRUPTIBILITY, BLOCKED_NMI);
    want_end();
    want_l1(0, 1);
}

// 3, 7, 10: pending while L1 blocks them: entry with nothing blocked lets it through, to L2 or as an exit.
static void pending_body(uint64_t mode)
{
    nmi_to_self();
    nmi_start(nmi_nops);
    nmi_controls((unsigned)mode);
    want_nmi(mode);
    expect("RIP", mode == NMI_PLAIN ? this_cpu()->l2_trap.rip : R(GUEST_RIP), address(nmi_nops));
}
static void pending_in_l1(uint64_t mode) { nmi_blocked_in_l1(pending_body, mode); }

// 7, 10 with the monitor trap flag, whose exit comes behind an instruction (SDM 3C 26.5.2 "Monitor Trap Flag").
static void stepped_body(uint64_t mode)
{
    nmi_to_self();
    nmi_start(nmi_nops);
    nmi_controls((unsigned)mode);
    NEED(PROC, MONITOR_TRAP_FLAG);
    nmi_want_exit();
    expect("GUEST_RIP", R(GUEST_RIP), address(nmi_nops));
    nmi_start(nmi_nops);
    want_exit(EXIT_MONITOR_TRAP);
    expect("GUEST_RIP then", R(GUEST_RIP), address(nmi_nops) + 1);
}
static void pending_and_stepped(uint64_t mode) { nmi_blocked_in_l1(stepped_body, mode); }

// 4: L2 blocks them by its VMCS; after the exit L1 does, too.
static void blocking_is_kept(uint64_t unused)
{
    (void)unused;
    nmi_start(nmi_nops);
    W(GUEST_INTERRUPTIBILITY, BLOCKED_NMI);
    want_end();
    nmi_to_self();
    want_l1(0, 1);
}

// 5, 8: an NMI in L2 exits; L1 then blocks NMIs until IRET.
static void exits(uint64_t mode)
{
    nmi_start(nmi_send);
    nmi_controls((unsigned)mode);
    nmi_want_exit();
    expect("interruptibility", R(GUEST_INTERRUPTIBILITY), 0);
    nmi_to_self();
    want_l1(0, 1);
}

// 6: without virtual NMIs, blocking by NMI in L2 is the real thing: no exit, IRET in L2 changes nothing, IRET in L1 does.
static void blocked_without_virtual(uint64_t unused)
{
    (void)unused;
    nmi_start(nmi_send);
    nmi_controls(NMI_EXITED);
    W(GUEST_INTERRUPTIBILITY, BLOCKED_NMI);
    want_end();
    nmi_start(nmi_iret);
    want_end();
    expect("blocking by NMI", R(GUEST_INTERRUPTIBILITY) & BLOCKED_NMI, BLOCKED_NMI);
    want_l1(0, 1);
}

// 9: virtual blocking doesn't keep the exit away.
static void virtually_blocked_exits(uint64_t unused)
{
    (void)unused;
    nmi_start(nmi_send);
    nmi_controls(NMI_VIRTUAL);
    W(GUEST_INTERRUPTIBILITY, BLOCKED_NMI);
    nmi_want_exit();
    expect("virtual blocking is kept", R(GUEST_INTERRUPTIBILITY) & BLOCKED_NMI, BLOCKED_NMI);
}

// 11: nor when it was pending in L1.
static void pending_virtual_body(uint64_t unused)
{
    (void)unused;
    nmi_to_self();
    nmi_start(nmi_nops);
    nmi_controls(NMI_VIRTUAL);
    W(GUEST_INTERRUPTIBILITY, BLOCKED_NMI);
    nmi_want_exit();
}
static void pending_virtually_blocked(uint64_t mode) { nmi_blocked_in_l1(pending_virtual_body, mode); }

// 12: IRET in L2 ends virtual blocking.
static void iret_unblocks_virtually(uint64_t unused)
{
    (void)unused;
    nmi_start(nmi_iret);
    nmi_controls(NMI_VIRTUAL);
    W(GUEST_INTERRUPTIBILITY, BLOCKED_NMI);
    want_end();
    expect("interruptibility", R(GUEST_INTERRUPTIBILITY), 0);
}

// 13, 14: entry with virtual NMIs unblocks L1's, whether L2 blocks virtually or not.
static void entry_unblocks_body(uint64_t interruptibility)
{
    nmi_start(nmi_nops);
    nmi_controls(NMI_VIRTUAL);
    W(GUEST_INTERRUPTIBILITY, interruptibility);
    want_end();
    nmi_to_self();
    for (unsigned i = 0; i < 100; i++)
        cpu_relax();
    expect("NMIs of L1", this_cpu()->nmis, 2);
}
static void entry_unblocks(uint64_t interruptibility) { nmi_blocked_in_l1(entry_unblocks_body, interruptibility); }

// 15 to 17: an injected event first, the pending NMI at its handler's first instruction.
static void injection_first_body(uint64_t mode)
{
    nmi_to_self();
    nmi_start(nmi_nops);
    nmi_controls((unsigned)mode);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_EXTERNAL | 0x44);
    want_nmi(mode);
    expect("RIP: the handler", mode == NMI_PLAIN ? this_cpu()->l2_trap.rip : R(GUEST_RIP), NMI_HANDLER(0x44));
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & EVENT_VALID, 0);
}
static void injection_first(uint64_t mode) { nmi_blocked_in_l1(injection_first_body, mode); }

// 18, 19: without virtual NMIs, injecting an NMI blocks none.
static void injection_blocks_none(uint64_t mode)
{
    nmi_start(nmi_nops);
    nmi_controls((unsigned)mode);
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
    want_trap(VECTOR_NMI);
    expect("blocking by NMI", R(GUEST_INTERRUPTIBILITY) & BLOCKED_NMI, 0);
}

// 20: with them it blocks virtually, until IRET.
static void injection_blocks_virtually(uint64_t unused)
{
    (void)unused;
    nmi_start(nmi_nops);
    nmi_controls(NMI_VIRTUAL);
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
    want_trap(VECTOR_NMI);
    expect("blocking by NMI", R(GUEST_INTERRUPTIBILITY) & BLOCKED_NMI, BLOCKED_NMI);
    want_end();
    expect("unblocked by IRET", R(GUEST_INTERRUPTIBILITY) & BLOCKED_NMI, 0);
}

// 27, 28: two while L1 blocks them are one.
static void two_body(uint64_t mode)
{
    nmi_to_self();
    nmi_to_self();
    nmi_start(nmi_nops);
    nmi_controls((unsigned)mode);
    want_nmi(mode);
    want_end();
    expect("NMIs of L2", this_cpu()->l2_trap.count, mode == NMI_PLAIN ? 1 : 0);
}
static void two_are_one(uint64_t mode) { nmi_blocked_in_l1(two_body, mode); }

// 29, 30: nor are they more than one after IRET in L1.
static void two_for_l1_body(uint64_t mode)
{
    nmi_to_self();
    nmi_to_self();
    nmi_unblock();
    nmi_start(nmi_nops);
    nmi_controls((unsigned)mode);
    want_end();
    expect("NMIs of L1", this_cpu()->nmis, 2);
}
static void two_for_l1(uint64_t mode) { nmi_blocked_in_l1(two_for_l1_body, mode); }

void nmi_tests(void)
{
    static const char *const mode[] = { "plain", "exiting", "virtual" };
    TEST(to_l2);
    TEST(blocked_in_l2_stays_pending);
    for (unsigned i = NMI_PLAIN; i <= NMI_VIRTUAL; i++)
        test_row("pending_in_l1", mode[i], pending_in_l1, i);
    for (unsigned i = NMI_EXITED; i <= NMI_VIRTUAL; i++)
        test_row("pending_and_stepped", mode[i], pending_and_stepped, i);
    TEST(blocking_is_kept);
    for (unsigned i = NMI_EXITED; i <= NMI_VIRTUAL; i++)
        test_row("exits", mode[i], exits, i);
    TEST(blocked_without_virtual);
    TEST(virtually_blocked_exits);
    TEST(pending_virtually_blocked);
    TEST(iret_unblocks_virtually);
    test_row("entry_unblocks", "open", entry_unblocks, 0);
    test_row("entry_unblocks", "virtually_blocked", entry_unblocks, BLOCKED_NMI);
    for (unsigned i = NMI_PLAIN; i <= NMI_VIRTUAL; i++)
        test_row("injection_first", mode[i], injection_first, i);
    for (unsigned i = NMI_PLAIN; i <= NMI_EXITED; i++)
        test_row("injection_blocks_none", mode[i], injection_blocks_none, i);
    TEST(injection_blocks_virtually);
    for (unsigned i = NMI_PLAIN; i <= NMI_EXITED; i++)
        test_row("two_are_one", mode[i], two_are_one, i);
    test_row("two_for_l1", mode[NMI_PLAIN], two_for_l1, NMI_PLAIN);
    test_row("two_for_l1", mode[NMI_VIRTUAL], two_for_l1, NMI_VIRTUAL);
}

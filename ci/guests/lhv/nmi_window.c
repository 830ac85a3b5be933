// SPDX-License-Identifier: BSD-2-Clause
// The NMI window: when it opens, and what comes before and after it (SDM 3C 25.6.2, 26.2, 27.7.6).

#include "cpu_insn.h"
#include "l2.h"
#include "nmi.h"
#include "trap.h"
#include "x86.h"

void nmi_window_tests(void);

L2(window_nops, ".fill 32, 1, 0x90");
L2(window_iret, NMI_IRET);

static void with_window(const char *code)
{
    nmi_start(code);
    nmi_controls(NMI_VIRTUAL);
    NEED(PROC, NMI_WINDOW_EXITING);
}

// 21: open at once.
static void open(uint64_t unused)
{
    (void)unused;
    with_window(window_nops);
    want_exit(EXIT_NMI_WINDOW);
    expect("GUEST_RIP", R(GUEST_RIP), address(window_nops));
}

// 22: closed while virtually blocked.
static void closed(uint64_t unused)
{
    (void)unused;
    with_window(window_nops);
    W(GUEST_INTERRUPTIBILITY, BLOCKED_NMI);
    want_end();
}

// 23: it opens right behind IRET.
static void after_iret(uint64_t unused)
{
    (void)unused;
    with_window(window_iret);
    W(GUEST_INTERRUPTIBILITY, BLOCKED_NMI);
    want_exit(EXIT_NMI_WINDOW);
    expect("interruptibility", R(GUEST_INTERRUPTIBILITY), 0);
    CLEAR(PROC, NMI_WINDOW_EXITING);
    want_end();
}

// 24: before a pending NMI, which L1 then takes: entry has unblocked it.
static void window_body(uint64_t unused)
{
    (void)unused;
    nmi_to_self();
    with_window(window_nops);
    want_exit(EXIT_NMI_WINDOW);
    expect("GUEST_RIP", R(GUEST_RIP), address(window_nops));
    expect("NMIs of L1", this_cpu()->nmis, 2);
    CLEAR(PROC, NMI_WINDOW_EXITING);
    want_end();
}
static void before_pending(uint64_t mode) { nmi_blocked_in_l1(window_body, mode); }

// 25: after an injection: it opens when the handler's IRET is through.
static void after_injection(uint64_t unused)
{
    (void)unused;
    with_window(window_nops);
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
    want_trap(VECTOR_NMI);
    want_exit(EXIT_NMI_WINDOW);
    expect("GUEST_RIP", R(GUEST_RIP), address(window_nops));
}

// 26: injected, then the pending one exits at the handler.
static void injected_then_pending_body(uint64_t unused)
{
    (void)unused;
    nmi_to_self();
    with_window(window_nops);
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
    nmi_want_exit();
    expect("GUEST_RIP: the handler", R(GUEST_RIP), NMI_HANDLER(VECTOR_NMI));
    expect("virtually blocked", R(GUEST_INTERRUPTIBILITY) & BLOCKED_NMI, BLOCKED_NMI);
}
static void injected_then_pending(uint64_t mode) { nmi_blocked_in_l1(injected_then_pending_body, mode); }

void nmi_window_tests(void)
{
    TEST(open);
    TEST(closed);
    TEST(after_iret);
    TEST(before_pending);
    TEST(after_injection);
    TEST(injected_then_pending);
}

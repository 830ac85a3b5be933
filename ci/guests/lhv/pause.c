// SPDX-License-Identifier: BSD-2-Clause
// PAUSE exiting and PAUSE-loop exiting (SDM 3C 25.6.13 "Controls for PAUSE-Loop Exiting", 26.1.3 "Instructions That Cause VM Exits Conditionally").

#include "cpu_insn.h"
#include "l2.h"
#include "x86.h"

void pause_tests(void);

L2(pause_loop, "1: pause\n\tdec %rcx\n\tjnz 1b");
L2(pause_far_apart, "1: pause\n\tmov $20000, %ebx\n\t2: dec %ebx\n\tjnz 2b\n\tdec %rcx\n\tjnz 1b");

#define LOOPS  100000
#define WINDOW 20000  // of the time-stamp counter: some 100 PAUSEs of a CPU on which each takes 140
#define AT_LEAST 20   // of them, however slow it is
#define LONG_GAP 0x10000

static void start(const char *code, uint64_t loops, uint64_t gap, uint64_t window)
{
    NEED(PROC2, PAUSE_LOOP_EXITING);
    W(PLE_GAP, gap);
    W(PLE_WINDOW, window);
    for (const uint64_t begin = tsc(); tsc() - begin < 2 * gap;)  // none is of a loop that began before
        cpu_relax();
    l2_start(code);
    GPR(RCX) = loops;
}

// How many loops L2 has made at the exit by a PAUSE.
static uint64_t loops_to_exit(void)
{
    const uint64_t before = GPR(RCX);
    want_exit_with(EXIT_PAUSE, 0);
    expect("GUEST_RIP", R(GUEST_RIP), address(pause_loop));
    expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), 2);
    return before - GPR(RCX);
}

static void exits(uint64_t unused)
{
    (void)unused;
    start(pause_loop, LOOPS, LONG_GAP, WINDOW);
    const uint64_t loops = loops_to_exit();
    expect("not at once, nor never", loops >= AT_LEAST && loops < LOOPS, 1);
}

// A window that is longer takes longer.
static void window(uint64_t unused)
{
    (void)unused;
    start(pause_loop, LOOPS, LONG_GAP, WINDOW);
    const uint64_t loops = loops_to_exit();
    start(pause_loop, 16 * LOOPS, LONG_GAP, 8 * WINDOW);
    expect("more loops", loops_to_exit() > 4 * loops, 1);
}

// The first PAUSE after a VM entry is the first of a loop, whatever was before.
static void entry_begins_anew(uint64_t unused)
{
    (void)unused;
    start(pause_loop, LOOPS, LONG_GAP, WINDOW);
    (void)loops_to_exit();
    expect("loops until the next exit", loops_to_exit() >= AT_LEAST, 1);
}

static void gap(uint64_t unused)
{
    (void)unused;
    start(pause_far_apart, 8, 2000, WINDOW);
    want_end();
    expect("loops that are left", GPR(RCX), 0);
}

// At privilege level 0 only.
static void for_users(uint64_t unused)
{
    (void)unused;
    start(pause_loop, LOOPS, LONG_GAP, WINDOW);
    l2_user();
    want_end();
    expect("loops that are left", GPR(RCX), 0);
}

// PAUSE exiting is for every PAUSE, at any privilege level, and comes first.
static void exiting_wins(uint64_t user)
{
    start(pause_loop, LOOPS, LONG_GAP, WINDOW);
    NEED(PROC, PAUSE_EXITING);
    if (user)
        l2_user();
    expect("loops before the exit", loops_to_exit(), 0);
    l2_skip();
    expect("and before the next", loops_to_exit(), 1);
}

// The fields are of no account without the control.
static void off(uint64_t unused)
{
    (void)unused;
    start(pause_loop, LOOPS, LONG_GAP, WINDOW);
    CLEAR(PROC2, PAUSE_LOOP_EXITING);
    want_end();
    expect("loops that are left", GPR(RCX), 0);
}

void pause_tests(void)
{
    TEST(exits);
    TEST(window);
    TEST(entry_begins_anew);
    TEST(gap);
    TEST(for_users);
    test_row("exiting_wins", "system", exiting_wins, 0);
    test_row("exiting_wins", "user", exiting_wins, 1);
    TEST(off);
}

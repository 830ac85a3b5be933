// SPDX-License-Identifier: BSD-2-Clause
// Another CPU looks at a PAL's memory, and writes there, without an operating system between; or INITs the CPU that is in the PAL.

#include <caps/addr.h>

#include "cpu_insn.h"
#include "l2.h"
#include "pal_code.h"
#include "pal_program.h"
#include "peer.h"
#include "restart.h"
#include "user.h"
#include "x86.h"

void pal_peer_tests(void);

// What the other CPU looks at, and what it may find there. CPU 0 says in which phase it is, the other one that it has seen that.
enum phase { BEFORE, ISOLATED, ENDING, OVER };
static struct { volatile uint64_t phase, seen, rounds, wrong, value; volatile uint64_t *page; bool writes; } watched;
#define SEED       70001u
#define SEED_BYTE  0x9090909090909090ull  // what program_open() leaves in data
#define LOOK_TICKS (1ull << 28)
#define CALLS      4
#define PAL_TICKS  (1ull << 16)
#define INITS      8
#define ROUNDS     (1ull << 18)  // of some ticks each: the PAL takes longer than all INITs

// A word that it finds: the program's own before, zero after the end; in between, as soon as registration has returned, ones alone.
static bool expected(enum phase phase, uint64_t word)
{
    return word == ~0ull || (phase == BEFORE && word == SEED_BYTE) || (phase >= ENDING && word == 0);
}

static void watch(uint64_t unused)
{
    (void)unused;
    const uint64_t start = tsc();
    enum phase phase = BEFORE;
    for (; phase != OVER && tsc() - start < LOOK_TICKS; watched.rounds++) {
        phase = (enum phase)watched.phase;
        watched.seen = phase;
        for (unsigned i = 0; i < PAGE_BYTES / 8; i += 8) {
            if (phase == ISOLATED && watched.writes)
                watched.page[i] = GUARD;
            const uint64_t word = watched.page[i];
            // The phase may have changed meanwhile; never back.
            if (!expected(phase, word) && !expected((enum phase)watched.phase, word)) {
                watched.value = word;
                watched.wrong++;
            }
        }
    }
}

static void phase_is(enum phase phase)
{
    const uint64_t start = tsc(), rounds = watched.rounds;
    watched.phase = phase;
    while (watched.seen != phase || watched.rounds < rounds + 2) {
        if (tsc() - start > LOOK_TICKS)
            test_fail("the other CPU looks", watched.seen, phase);
        cpu_relax();
    }
}

// Another CPU reads the PAL's data, and writes there, before, while and after it is registered, called and unregistered.
static void from_another_cpu(uint64_t where)
{
    (void)peer();
    if (!program_found(where))
        test_skip("no trustvisor");
    uint64_t *data = (uint64_t *)(void *)this_cpu()->pal + CODE_PAGES * PAGE_BYTES / 8;
    for (unsigned i = 0; i < PAGE_BYTES / 8; i++)
        data[i] = SEED_BYTE;
    watched.phase = watched.seen = BEFORE;
    watched.rounds = watched.wrong = 0;
    watched.page = data;
    watched.writes = where != ABOVE;  // an L2 that writes there ends its PAL
    peer_start(watch, 0);
    phase_is(BEFORE);
    program_param(0, TV_PARAM_INTEGER, 1);
    program_param(1, TV_PARAM_INTEGER, 1);
    program_open(where, CODE(pal_keep));
    watched.phase = ISOLATED;
    told()->call.a[1] = address(data);
    for (unsigned i = 0; i < CALLS; i++) {
        told()->call.a[0] = MUST_BE_PAL | (i == 0 ? SEED : 0);
        expect("words that are as the PAL left them", program_call(where), KEPT_WORDS);
        phase_is(ISOLATED);
    }
    phase_is(ENDING);
    program_shut(where);
    watched.phase = OVER;
    peer_wait();
    expect("words that the other CPU should not have seen", watched.wrong, 0);
}

// A call in which no register of the program's has anything but the PAL's argument: made once more it is the same one. A function of privilege level 3's.
uint64_t pal_bare_call(uint64_t call);
__asm__(".text\npal_bare_call:\n\tpush %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
        "mov (%rdi), %rax\n\tmov 8(%rdi), %rdi\n\t"
        "xor %ebx, %ebx\n\txor %ecx, %ecx\n\txor %edx, %edx\n\txor %esi, %esi\n\txor %ebp, %ebp\n\t"
        "xor %r8d, %r8d\n\txor %r9d, %r9d\n\txor %r10d, %r10d\n\txor %r11d, %r11d\n\t"
        "xor %r12d, %r12d\n\txor %r13d, %r13d\n\txor %r14d, %r14d\n\txor %r15d, %r15d\n\t"
        "call *%rax\n\tpop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret");

enum { CALLED_AGAIN, ENDED, OF_AN_L2 };

static void looks(void)
{
    const volatile uint64_t *page = (const volatile uint64_t *)(const volatile void *)this_cpu()->pal;
    for (unsigned i = 0; i < PAL_PAGES * PAGE_BYTES / 8; i += 8)
        expect("a word of the PAL's", page[i], ~0ull);
}

static uint64_t bare_call(void)
{
    struct cpu *c = this_cpu();
    c->caught.vector = NO_VECTOR;
    c->catch_rip = address(user_faulted);
    const uint64_t result = user_run(pal_bare_call, address(&told()->call), c->l2_stack - 16);
    c->catch_rip = 0;
    expect("no exception but", c->caught.vector, NO_VECTOR);
    return result;
}

// There, in L1: the CPU forgets all that it was at, and its program's call with it.
static void restarted_in_a_pal(uint64_t row)
{
    struct cpu *c = this_cpu();
    cpu_vmx_off(c);
    program_param(0, TV_PARAM_INTEGER, 1);
    program_open(IN_L1, CODE(pal_spin));
    told()->call.a[0] = ROUNDS;
    restart_prepare();
    peer_seen.running = 1;
    (void)bare_call();
    expect("the CPU was started anew", restart_count, 1);
    looks();
    if (row == CALLED_AGAIN) {
        expect("three times the rounds", bare_call(), 3 * ROUNDS);
        looks();
    }
    program_shut(IN_L1);
    program_open(IN_L1, CODE(pal_spin));
    told()->call.a[0] = 10;
    expect("of the next one", bare_call(), 30);
    program_shut(IN_L1);
    expect("VMX is on", cpu_vmx_on(c), 1);
}

// There, in an L2: INIT is an exit at the call.
static void exits_in_a_pal(uint64_t unused)
{
    (void)unused;
    const struct cpu *c = this_cpu();
    program_param(0, TV_PARAM_INTEGER, 1);
    program_open(IN_L2, CODE(pal_spin));
    told()->call.a[0] = ROUNDS;
    program_call_begins();
    peer_seen.running = 1;
    want_exit(EXIT_INIT);
    peer_note_exit();
    expect("GUEST_RIP: at the call", R(GUEST_RIP), told()->call.entry);
    looks();
    do
        l2_run();
    while (c->exit.failed == 0 && c->exit.reason == EXIT_INIT);
    expect("exit reason", c->exit.reason, EXIT_VMCALL);
    expect("three times the rounds", GPR(RAX), 3 * ROUNDS);
    program_shut(IN_L2);
}

static void init_in_a_pal(uint64_t row)
{
    (void)peer();
    if (!program_found(row == OF_AN_L2 ? IN_L2 : IN_L1))
        test_skip("no trustvisor");
    restart_count = 0;
    peer_run(row == OF_AN_L2 ? exits_in_a_pal : restarted_in_a_pal, row);
    peer_wait_running();
    tsc_wait(PAL_TICKS);
    for (unsigned i = 0; i < INITS && !peer()->job_done && restart_count == 0 && peer_seen.reason == 0; i++) {
        restart_init(peer());  // more than one, all while the PAL runs: one that comes while L0 handles an exit is lost on Bochs
        tsc_wait(PAL_TICKS);
        if (row != OF_AN_L2)
            restart_sipi(peer());
        tsc_wait(PAL_TICKS);
    }
    peer_wait();
    expect("the other CPU failed", peer_seen.failed, 0);
}

void pal_peer_tests(void)
{
    for (uint64_t where = IN_L1; where <= ABOVE; where++)
        test_row("from_another_cpu", where_name[where], from_another_cpu, where);
    test_row("init", "called_again", init_in_a_pal, CALLED_AGAIN);
    test_row("init", "ended", init_in_a_pal, ENDED);
    test_row("init", "l2", init_in_a_pal, OF_AN_L2);
}

// SPDX-License-Identifier: BSD-2-Clause
// Another CPU looks at a PAL's memory, and writes there, without an operating system between.

#include <caps/addr.h>

#include "cpu_insn.h"
#include "l2.h"
#include "pal_code.h"
#include "pal_program.h"
#include "peer.h"
#include "x86.h"

void pal_peer_tests(void);

// What the other CPU looks at, and what it may find there. CPU 0 says in which phase it is, the other one that it has seen that.
enum phase { BEFORE, ISOLATED, ENDING, OVER };
static struct { volatile uint64_t phase, seen, rounds, wrong, value; volatile uint64_t *page; bool writes; } watched;
#define SEED       70001u
#define SEED_BYTE  0x9090909090909090ull  // what program_open() leaves in data
#define LOOK_TICKS (1ull << 28)
#define CALLS      4

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

void pal_peer_tests(void)
{
    for (uint64_t where = IN_L1; where <= ABOVE; where++)
        test_row("from_another_cpu", where_name[where], from_another_cpu, where);
}

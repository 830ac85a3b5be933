// SPDX-License-Identifier: BSD-2-Clause
// Two CPUs in one test.

#include "peer.h"
#include "cpu_insn.h"
#include "test.h"

#define WAIT_TICKS (1ull << 28)

static uint32_t arrived;

void peer_meet(void)
{
    const uint32_t ticket = __atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL);
    const uint32_t all = (ticket + cpu_count - 1) / cpu_count * cpu_count;
    while ((int32_t)(__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) - all) < 0)
        cpu_relax();
}

static void leave(uint64_t unused) { (void)unused; }

struct cpu *peer(void)
{
    if (cpu_count < 2)
        test_skip("one CPU");
    return &cpus[1];
}

void peer_start(void (*what)(uint64_t), uint64_t argument)
{
    struct cpu *other = peer();
    other->job_argument = argument;
    other->job_done = 0;
    __atomic_store_n(&other->job, what, __ATOMIC_RELEASE);
}

void peer_wait(void)
{
    const uint64_t start = tsc();
    while (!peer()->job_done) {
        if (tsc() - start > WAIT_TICKS)
            test_fail("the other CPU's answer after ticks", WAIT_TICKS, 0);
        cpu_relax();
    }
}

void peer_themes(void)
{
    struct cpu *c = &cpus[0];
    peer_meet();
    for (unsigned i = 0; themes[i] != NULL; i++) {
        c->theme = themes[i]->name;
        if (themes[i]->pairs)
            themes[i]->run();
    }
    for (unsigned i = 1; i < cpu_count; i++)
        cpus[i].job = leave;
    peer_meet();
}

void peer_serve(void)
{
    struct cpu *c = this_cpu();
    peer_meet();
    for (;;) {
        void (*job)(uint64_t) = __atomic_load_n(&c->job, __ATOMIC_ACQUIRE);
        if (job == NULL) {
            cpu_relax();
            continue;
        }
        c->job = NULL;
        if (job == leave)
            break;
        job(c->job_argument);
        c->job_done = 1;
    }
    peer_meet();
}

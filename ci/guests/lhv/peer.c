// SPDX-License-Identifier: BSD-2-Clause
// Two CPUs in one test.

#include "peer.h"

#include "cpu_insn.h"
#include "ept12.h"
#include "test.h"
#include "trap.h"
#include "vmcs.h"
#include "vmx.h"

#define WAIT_TICKS (1ull << 28)

static uint32_t arrived;
struct peer_seen peer_seen;

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

static void failed(uint64_t unused)
{
    (void)unused;
    peer_seen.failed = 1;
}

static void (*work)(uint64_t);
static void prepared(uint64_t argument)
{
    struct cpu *c = this_cpu();
    failed(0);
    c->abandoned = false;
    cpu_restore(c);
    cpu_vmx_off(c);
    cpu_restore(c);
    if (!cpu_vmx_on(c))
        return;
    ept12_reset(c);
    vmcs_fresh(c);
    work(argument);
    peer_seen.failed = 0;
}

static void run(uint64_t argument)
{
    struct cpu *c = this_cpu();
    test_call(prepared, argument, c);
    c->catch_rip = 0;
    (void)vmx_vmclear(address(c->vmcs[0]));
}

void peer_run(void (*what)(uint64_t), uint64_t argument)
{
    (void)peer();
    peer_seen = (struct peer_seen){ 0 };
    work = what;
    peer_start(run, argument);
}

void peer_wait_running(void)
{
    const uint64_t start = tsc();
    while (!peer_seen.running) {
        if (tsc() - start > WAIT_TICKS)
            test_fail("the other CPU's L2 runs", 0, 1);
        cpu_relax();
    }
}

void peer_note_exit(void)
{
    const struct cpu *c = this_cpu();
    peer_seen.reason = c->exit.reason;
    if (c->exit.failed == 0) {
        peer_seen.information = R(EXIT_INTR_INFO);
        peer_seen.qualification = R(EXIT_QUALIFICATION);
        peer_seen.activity = R(GUEST_ACTIVITY_STATE);
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

void peer_listen(void)
{
    struct cpu *c = this_cpu();
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
}

void peer_serve(void)
{
    peer_meet();
    peer_listen();
    peer_meet();
}

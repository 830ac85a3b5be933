// SPDX-License-Identifier: BSD-2-Clause
// INIT and SIPI for an L2, and the activity state wait-for-SIPI (SDM 3C 24.8, 25.4.2, 26.2, 27.7.1). CPU 0 sends them to the other one.

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "lapic.h"
#include "peer.h"
#include "trap.h"
#include "vmx.h"
#include "x86.h"

void sipi_tests(void);

L2(sipi_cpuid, "cpuid");
L2(sipi_loop, "movl $1, (%rdi)\n\t1: pause\n\tjmp 1b");
L2(sipi_hlt, "movl $1, (%rdi)\n\thlt");
L2(sipi_read, "mov (%rsi), %rax");

#define VECTOR 0x72
#define TICKS  (1u << 19)  // at least

static void need_state(unsigned state)
{
    if (!(msr_read(MSR_VMX_MISC) >> (5 + state) & 1))
        test_skip("not offered: the activity state");
}

// Long enough for the other CPU to be in its L2, and for what was sent to arrive: that takes longer with each hypervisor below this one.
static uint64_t ticks;
static void pause_here(void) { tsc_wait(ticks); }

static void run_there(void (*what)(uint64_t), uint64_t argument)
{
    if (ticks == 0) {
        const uint64_t long_enough = 4 * l2_ticks(sipi_cpuid);
        ticks = long_enough > TICKS ? long_enough : TICKS;
    }
    peer_run(what, argument);
}

static void send(uint32_t command)
{
    lapic_send(peer()->apic_id, command);
    pause_here();
}

// There: waits once, and says how it ended; then, with more, L2 runs on that CPU.
enum { ALONE, THEN_RUNS, THEN_WAITS, THEN_INIT, INTERRUPTIBLE };
static void waits(uint64_t more)
{
    struct cpu *c = this_cpu();
    if (more == INTERRUPTIBLE) {
        NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
        NEED(PIN, NMI_EXITING);
    }
    l2_start(sipi_cpuid);
    W(GUEST_ACTIVITY_STATE, WAIT_FOR_SIPI);
    W(GUEST_RFLAGS, FLAG_FIXED | (more == INTERRUPTIBLE ? FLAG_IF : 0));
    peer_seen.running = 1;
    l2_run();
    peer_note_exit();
    expect("SIPI", peer_seen.reason, EXIT_SIPI);
    expect("GUEST_RIP", R(GUEST_RIP), address(sipi_cpuid));
    if (more == THEN_WAITS) {
        W(GUEST_ACTIVITY_STATE, WAIT_FOR_SIPI);
        peer_seen.running = 2;
        l2_run();
        peer_note_exit();
        expect("SIPI again", peer_seen.reason, EXIT_SIPI);
    }
    if (more == THEN_RUNS || more == THEN_WAITS) {
        W(GUEST_ACTIVITY_STATE, ACTIVE);
        want_exit(EXIT_CPUID);
    }
    if (more == THEN_INIT) {
        W(GUEST_ACTIVITY_STATE, ACTIVE);
        want_exit(EXIT_INIT);
        want_exit(EXIT_CPUID);
    }
    interrupts_on_once();
    peer_seen.nmis = c->nmis;
    peer_seen.value = c->interrupt.vector;
}

static void wait_there(uint64_t more)
{
    need_state(WAIT_FOR_SIPI);
    run_there(waits, more);
    peer_wait_running();
    pause_here();
}

static void want_sipi(uint64_t vector)
{
    peer_wait();
    expect("exit reason", peer_seen.reason, EXIT_SIPI);
    expect("qualification: the vector", peer_seen.qualification, vector);
    expect("the other CPU failed", peer_seen.failed, 0);
}

static void exits(uint64_t more)
{
    wait_there(more);
    if (more == THEN_WAITS) {
        send(ICR_STARTUP | 0x12);
        while (peer_seen.running != 2 && !peer()->job_done)
            cpu_relax();
        pause_here();
    }
    send(ICR_STARTUP | 0x9a);
    want_sipi(0x9a);
}

// The state that the exit saves is the one that it ended (SDM 3C 28.3.4 "Saving Non-Register State").
static void saves_the_state(uint64_t unused)
{
    (void)unused;
    wait_there(ALONE);
    send(ICR_STARTUP | 1);
    want_sipi(1);
    expect("activity state", peer_seen.activity, WAIT_FOR_SIPI);
}

// Interrupts and NMIs stay pending: they are L1's, behind the SIPI.
static void keeps_events_away(uint64_t unused)
{
    (void)unused;
    wait_there(INTERRUPTIBLE);
    const uint64_t before = peer()->nmis;
    send(ICR_FIXED | VECTOR);
    send(ICR_NMI);
    const uint64_t early = peer_seen.reason;
    send(ICR_STARTUP | 2);
    want_sipi(2);
    expect("an exit before", early, 0);
    expect("NMIs of L1", peer_seen.nmis, before + 1);
    expect("vector in L1", peer_seen.value, VECTOR);
}

// INIT is blocked there, and exits from the next L2.
static void init_is_blocked(uint64_t unused)
{
    (void)unused;
    wait_there(THEN_INIT);
    send(ICR_INIT);
    const uint64_t early = peer_seen.reason;
    send(ICR_STARTUP | 3);
    want_sipi(3);
    expect("an exit before", early, 0);
}

// L1's own translations and other CPUs' L2s don't wait for a CPU that waits for SIPI; it sees what they changed.
static void shared(uint64_t eptp)
{
    W(EPTP, eptp);
    waits(ALONE);
    W(GUEST_ACTIVITY_STATE, ACTIVE);
    l2_start(sipi_read);
    GPR(RSI) = WINDOW_LINEAR;
    (void)vmx_invept(1, eptp, 0);
    want_end();
    peer_seen.value = GPR(RAX);
}

static void others_go_on(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    need_state(WAIT_FOR_SIPI);
    NEED(PROC2, ENABLE_EPT);
    if (!(ept12_capabilities() >> 25 & 1))
        test_skip("no single-context INVEPT");
    c->data[0] = 0x1111;
    c->data[512] = 0x2222;
    ept12_map(0, address(c->data) | EPT_WB | EPT_ALL);
    run_there(shared, ept12_pointer(c));
    peer_wait_running();
    for (unsigned round = 0; round < 16; round++) {
        ept12_map(0, address(round & 1 ? c->data + 512 : c->data) | EPT_WB | EPT_ALL);
        ept12_flush();
        l2_start(sipi_read);
        GPR(RSI) = WINDOW_LINEAR;
        l2_run();
        if (c->exit.reason != EXIT_VMCALL || GPR(RAX) != (round & 1 ? 0x2222 : 0x1111))
            break;
    }
    send(ICR_STARTUP | 4);
    peer_wait();
    expect("value here", GPR(RAX), 0x2222);
    expect("value there", peer_seen.value, 0x2222);
    expect("the other CPU failed", peer_seen.failed, 0);
}

// A SIPI is nothing to an L2 that doesn't wait for one.
static void runs(uint64_t state)
{
    l2_start(state == HALTED ? sipi_hlt : sipi_loop);
    if (state == SHUTDOWN) {
        W(GUEST_ACTIVITY_STATE, SHUTDOWN);
        peer_seen.running = 1;
    }
    GPR(RDI) = address(&peer_seen.running);
    l2_run();
    peer_note_exit();
}

static void ignored_sipi(uint64_t unused)
{
    (void)unused;
    run_there(runs, ACTIVE);
    peer_wait_running();
    send(ICR_STARTUP | 5);
    const uint64_t early = peer_seen.reason;
    send(ICR_INIT);
    peer_wait();
    expect("an exit before", early, 0);
    expect("exit reason", peer_seen.reason, EXIT_INIT);
}

// INIT exits from every other state.
static void init(uint64_t state)
{
    need_state(state == ACTIVE ? HALTED : (unsigned)state);
    run_there(runs, state);
    peer_wait_running();
    pause_here();
    send(ICR_INIT);
    peer_wait();
    expect("exit reason", peer_seen.reason, EXIT_INIT);
    expect("activity state", peer_seen.activity, state);
}

// In root operation it is blocked, and exits from the next L2 (SDM 3C 24.8 "Restrictions on VMX Operation").
static void takes_init(uint64_t state)
{
    NEED(PIN, PREEMPTION_TIMER);
    W(PREEMPTION_TIMER, 1u << 16);
    l2_start(sipi_cpuid);
    W(GUEST_ACTIVITY_STATE, state);
    peer_seen.running = 1;
    while (peer_seen.running == 1)
        cpu_relax();
    l2_run();
    peer_note_exit();
    peer_seen.value = R(GUEST_RIP) - address(sipi_cpuid);
    // Once.
    W(GUEST_ACTIVITY_STATE, ACTIVE);
    want_exit(EXIT_CPUID);
}

static void init_is_latched(uint64_t state)
{
    need_state(HALTED);
    run_there(takes_init, state);
    peer_wait_running();
    send(ICR_INIT);
    peer_seen.running = 2;
    peer_wait();
    expect("exit reason", peer_seen.reason, EXIT_INIT);
    expect("activity state", peer_seen.activity, state);
    expect("instructions executed before", peer_seen.value, 0);
    expect("the other CPU failed", peer_seen.failed, 0);
}

// A VMCS that asks for wait-for-SIPI where that isn't offered (SDM 3C 27.3.1.5).
static void unsupported(uint64_t unused)
{
    (void)unused;
    if (msr_read(MSR_VMX_MISC) >> 8 & 1)
        test_skip("the activity state wait-for-SIPI is there");
    l2_start(sipi_cpuid);
    W(GUEST_ACTIVITY_STATE, WAIT_FOR_SIPI);
    want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
}

void sipi_tests(void)
{
    test_row("exits", "once", exits, ALONE);
    test_row("exits", "then_runs", exits, THEN_RUNS);
    test_row("exits", "twice", exits, THEN_WAITS);
    TEST(saves_the_state);
    TEST(keeps_events_away);
    TEST(init_is_blocked);
    TEST(others_go_on);
    TEST(ignored_sipi);
    test_row("init", "active", init, ACTIVE);
    test_row("init", "halted", init, HALTED);
    test_row("init", "shutdown", init, SHUTDOWN);
    test_row("init_is_latched", "active", init_is_latched, ACTIVE);
    test_row("init_is_latched", "halted", init_is_latched, HALTED);
    TEST(unsupported);
}

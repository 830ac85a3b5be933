// SPDX-License-Identifier: BSD-2-Clause
// Two CPUs: VMCSs that move, NMIs and interrupts from one to the other's L2, INIT, EPT12 shared by two L2s.

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "lapic.h"
#include "peer.h"
#include "trap.h"
#include "vmx.h"
#include "x86.h"

void smp_tests(void);

L2(smp_cpuid, "cpuid\n\tinc %rbx");
L2(smp_loop, "movl $1, (%rdi)\n\t1: pause\n\tjmp 1b");
L2(smp_read, "mov (%rsi), %rax");
L2(smp_nops, ".fill 8, 1, 0x90");
L2(smp_while, "mov $300, %ecx\n\t1: pause\n\tloop 1b");

#define VECTOR 0x71

// VMCLEAR here, VMPTRLD there: all fields come along, and it can be launched there.
static void moved_run(uint64_t vmcs)
{
    struct cpu *c = this_cpu();
    expect("VMPTRLD", (uint64_t)vmx_vmptrld(vmcs), 0);
    expect("a field", R(CR3_TARGET2), 0xabcdef);
    peer_seen.value = R(GUEST_RSP);
    W(HOST_GS_BASE, address(c));
    W(HOST_TR_BASE, address(c->task));
    W(HOST_GDTR_BASE, address(c->gdt));
    W(HOST_RSP, address(c->exit_stack));
    W(HOST_CR3, cr3_read());
    W(VPID, 1 + c->index);
    c->launched = false;
    want_exit(EXIT_CPUID);
    peer_note_exit();
    W(CR3_TARGET1, 0x123456);
    l2_skip();
    expect("VMCLEAR", (uint64_t)vmx_vmclear(vmcs), 0);
}

static void vmcs_moves(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    (void)peer();
    l2_start(smp_cpuid);
    want_exit(EXIT_CPUID);
    l2_start(smp_cpuid);
    W(CR3_TARGET2, 0xabcdef);
    const uint64_t rsp = R(GUEST_RSP);
    expect("VMCLEAR", (uint64_t)vmx_vmclear(address(c->vmcs[0])), 0);
    peer_run(moved_run, address(c->vmcs[0]));
    peer_wait();
    expect("the other CPU failed", peer_seen.failed, 0);
    expect("GUEST_RSP there", peer_seen.value, rsp);
    expect("exit reason there", peer_seen.reason, EXIT_CPUID);
    expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->vmcs[0])), 0);
    expect("a field written there", R(CR3_TARGET1), 0x123456);
    expect("GUEST_RIP", R(GUEST_RIP), address(smp_cpuid) + 2);
    expect("exit reason", R(EXIT_REASON), EXIT_CPUID);
}

// The other CPU's L2 runs until something makes it exit.
static void loop(uint64_t controls)
{
    struct cpu *c = this_cpu();
    if (controls & PIN_NMI_EXITING)
        NEED(PIN, NMI_EXITING);
    if (controls & PIN_EXTERNAL_INTERRUPT_EXITING)
        NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
    l2_start(smp_loop);
    W(GUEST_RFLAGS, FLAG_FIXED | (controls & PIN_EXTERNAL_INTERRUPT_EXITING ? FLAG_IF : 0));
    GPR(RDI) = address(&peer_seen.running);
    l2_run();
    peer_note_exit();
    interrupts_on_once();
    peer_seen.nmis = c->nmis;
    peer_seen.value = c->interrupt.vector;
}

static void nmi_to_l2(uint64_t unused)
{
    (void)unused;
    peer_run(loop, PIN_NMI_EXITING);
    peer_wait_running();
    lapic_send(peer()->apic_id, ICR_NMI);
    peer_wait();
    expect("exit reason", peer_seen.reason, EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", peer_seen.information & ~(uint64_t)EVENT_NMI_IRET, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
}

static void interrupt_to_l2(uint64_t unused)
{
    (void)unused;
    peer_run(loop, PIN_EXTERNAL_INTERRUPT_EXITING);
    peer_wait_running();
    lapic_send(peer()->apic_id, ICR_FIXED | VECTOR);
    peer_wait();
    expect("exit reason", peer_seen.reason, EXIT_EXTERNAL_INTERRUPT);
    expect("vector in L1", peer_seen.value, VECTOR);
}

// An INIT exits, and takes nothing from L1 (SDM 3C 26.2).
static void init_to_l2(uint64_t unused)
{
    (void)unused;
    peer_run(loop, 0);
    peer_wait_running();
    lapic_send(peer()->apic_id, ICR_INIT);
    peer_wait();
    expect("exit reason", peer_seen.reason, EXIT_INIT);
    // The other CPU is as before, and can do it again.
    peer_run(loop, PIN_NMI_EXITING);
    peer_wait_running();
    lapic_send(peer()->apic_id, ICR_NMI);
    peer_wait();
    expect("exit reason of the next L2", peer_seen.reason, EXIT_EXCEPTION_OR_NMI);
}

// Both CPUs' L2s run on CPU 0's tree. CPU 0 changes it; the other sees the change after its own INVEPT.
static void shared_tree(uint64_t eptp)
{
    W(EPTP, eptp);
    l2_start(smp_read);
    GPR(RSI) = WINDOW_LINEAR;
    expect("INVEPT", (uint64_t)vmx_invept(1, eptp, 0), 0);
    l2_run();
    peer_note_exit();
    peer_seen.value = GPR(RAX);
}

static void ept_shared(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    (void)peer();
    NEED(PROC2, ENABLE_EPT);
    if (!(ept12_capabilities() >> 25 & 1))
        test_skip("no single-context INVEPT");
    c->data[0] = 0x1111;
    c->data[512] = 0x2222;
    for (unsigned round = 0; round < 4; round++) {
        const uint64_t want = round & 1 ? 0x2222 : 0x1111;
        ept12_map(0, round == 3 ? 0 : address(round & 1 ? c->data + 512 : c->data) | EPT_WB | EPT_ALL);
        ept12_flush();
        peer_run(shared_tree, ept12_pointer(c));
        peer_wait();
        if (round == 3) {
            expect("exit reason there", peer_seen.reason, EXIT_EPT_VIOLATION);
            break;
        }
        expect("exit reason there", peer_seen.reason, EXIT_VMCALL);
        expect("value there", peer_seen.value, want);
        l2_start(smp_read);
        GPR(RSI) = WINDOW_LINEAR;
        want_end();
        expect("value here", GPR(RAX), want);
    }
}

static volatile bool enough;

// The other CPU is never long without an exception; or without an exit of its L2 and a shoot-down of a translation.
static void exceptions(uint64_t unused)
{
    (void)unused;
    for (peer_seen.running = 1; !enough;) {
        uint64_t flags;
        __asm__ volatile(CATCH("ud2") : "=&a"(flags) : : "memory", "cc");
    }
}

static void shootdowns(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    for (peer_seen.running = 1; !enough;) {
        ept12_map(0, address(c->data) | EPT_WB | EPT_ALL);
        l2_start(smp_read);
        GPR(RSI) = WINDOW_LINEAR;
        want_end();
        ept12_map(0, 0);
        ept12_flush();
    }
}

// L1's: where its handler found RIP, behind STI.
static uint64_t behind_sti(void)
{
    uint64_t sti;
    __asm__ volatile("lea 1f(%%rip), %0\n\t1: sti\n\tnop\n\tnop\n\tcli" : "=r"(sti) : : "memory");
    return this_cpu()->interrupt.rip - (sti + 1);
}

// Whatever another CPU does, blocking by STI lasts for one instruction: at VM entry, and behind STI.
static void blocking_by_sti(uint64_t with_shootdowns)
{
    struct cpu *c = this_cpu();
    uint64_t lost_by_l2 = 0, lost_by_l1 = 0;
    if (with_shootdowns)
        NEED(PROC2, ENABLE_EPT);
    const uint64_t rsp = R(GUEST_RSP);
    enough = false;
    peer_run(with_shootdowns ? shootdowns : exceptions, 0);
    peer_wait_running();
    for (unsigned round = 0; round < 64; round++) {  // no expectation that would leave the other CPU alone
        lapic_send(c->apic_id, ICR_FIXED | VECTOR);
        l2_start(smp_nops);
        W(GUEST_RSP, rsp);
        W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
        W(GUEST_INTERRUPTIBILITY, BLOCKED_STI);
        l2_run();
        lapic_eoi();
        lost_by_l2 += c->exit.reason != EXIT_VMCALL || c->l2_trap.vector != VECTOR || c->l2_trap.rip != address(smp_nops) + 1;
        c->l2_trap.vector = NO_VECTOR;
        lapic_send(c->apic_id, ICR_FIXED | VECTOR);
        lost_by_l1 += behind_sti() != 1;
    }
    enough = true;
    peer_wait();
    expect("the other CPU failed", peer_seen.failed, 0);
    expect("interrupts in L2 that came early, late or not at all", lost_by_l2, 0);
    expect("in L1", lost_by_l1, 0);
}

static volatile uint64_t rounds, round_ticks;

// One in each of CPU 0's rounds, or behind it, at a time of its own.
static void send_nmis(uint64_t apic_id)
{
    uint64_t last = 0;
    for (peer_seen.running = 1; !enough; cpu_relax()) {
        if (rounds == last)
            continue;
        last = rounds;
        tsc_wait(last * 37 % 1000 * round_ticks / 500);
        lapic_send((uint32_t)apic_id, ICR_NMI);
    }
}

// An NMI exit before L2's first instruction leaves that one's blocking as it was; one behind it finds none.
static void nmi_while_blocked_by_sti(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    uint64_t changed = 0, exits = 0;
    NEED(PIN, NMI_EXITING);
    enough = false;
    rounds = 0;
    for (unsigned i = 0; i < 2; i++)  // the first one may take longer
        round_ticks = l2_ticks(smp_while);
    peer_run(send_nmis, c->apic_id);
    peer_wait_running();
    for (rounds = 1; rounds < 200; rounds++) {
        l2_start(smp_while);
        W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
        W(GUEST_INTERRUPTIBILITY, BLOCKED_STI);
        l2_run();
        if (c->exit.reason != EXIT_EXCEPTION_OR_NMI)
            continue;
        exits++;
        changed += R(GUEST_INTERRUPTIBILITY) != (R(GUEST_RIP) == address(smp_while) ? BLOCKED_STI : 0);
    }
    enough = true;
    peer_wait();
    expect("NMI exits with another interruptibility", changed, 0);
    expect("there were NMI exits", exits != 0, 1);
}

void smp_tests(void)
{
    static const char *const meanwhile[] = { "exceptions", "shootdowns" };
    TEST(vmcs_moves);
    TEST(nmi_to_l2);
    TEST(interrupt_to_l2);
    TEST(init_to_l2);
    TEST(ept_shared);
    for (unsigned i = 0; i < 2; i++)
        test_row("blocking_by_sti", meanwhile[i], blocking_by_sti, i);
    TEST(nmi_while_blocked_by_sti);
}

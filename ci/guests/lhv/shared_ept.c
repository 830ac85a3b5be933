// SPDX-License-Identifier: BSD-2-Clause
// EPT12 changed by one CPU while another's L2 runs on it (SDM 3C 29.4.3.3 "Guidelines for Use of the INVEPT Instruction").

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "lapic.h"
#include "peer.h"
#include "vmx.h"

void shared_ept_tests(void);

// Reads the window's page again and again, and says what it found and how often; or writes its count there; or waits for a word before it reads.
L2(shared_ept_reads, "movl $1, (%rdi)\n\t1: mov (%rsi), %rax\n\tmov %rax, (%rbx)\n\tincq 8(%rbx)\n\tpause\n\tjmp 1b");
L2(shared_ept_writes, "movl $1, (%rdi)\n\t1: incq 8(%rbx)\n\tmov 8(%rbx), %rax\n\tmov %rax, (%rsi)\n\tpause\n\tjmp 1b");
L2(shared_ept_waits, "movl $1, (%rdi)\n\t1: pause\n\tcmpq $0, (%rbx)\n\tje 1b\n\tmov (%rsi), %rax");
L2(shared_ept_read, "mov (%rsi), %rax");

#define ROUNDS 24
#define TICKS  (1ull << 26)

// L2 writes the first two, L1 on its CPU the others.
static struct { volatile uint64_t value, count, answered, reason, qualification; } there;
static volatile bool enough;

static void need_invept(void)
{
    (void)peer();
    NEED(PROC2, ENABLE_EPT);
    if (!(ept12_capabilities() >> 25 & 1))
        test_skip("no single-context INVEPT");
}

// There: an L2 on CPU 0's EPT12. An NMI asks its L1 for an INVEPT, and L2 goes on.
struct job { const char *code; uint64_t eptp; };
static struct job job;
static void runs(uint64_t unused)
{
    (void)unused;
    NEED(PIN, NMI_EXITING);
    NEED(PROC2, ENABLE_EPT);
    W(EPTP, job.eptp);
    expect("INVEPT", (uint64_t)vmx_invept(1, job.eptp, 0), 0);
    l2_start(job.code);
    GPR(RDI) = address(&peer_seen.running);
    GPR(RSI) = WINDOW_LINEAR;
    GPR(RBX) = address(&there);
    while (!enough) {
        l2_run();
        peer_note_exit();
        if (this_cpu()->exit.reason != EXIT_EXCEPTION_OR_NMI) {
            there.qualification = this_cpu()->exit.failed == 0 ? R(EXIT_QUALIFICATION) : 0;
            there.reason = this_cpu()->exit.reason;
            return;
        }
        expect("INVEPT", (uint64_t)vmx_invept(1, job.eptp, 0), 0);
        there.answered++;
    }
}

static void start_there(const char *code, uint64_t leaf)
{
    struct cpu *c = this_cpu();
    need_invept();
    ept12_map(0, leaf);
    ept12_flush();
    there.value = there.count = there.answered = 0;
    there.reason = ~0ull;
    enough = false;
    job = (struct job){ code, ept12_pointer(c) };
    peer_run(runs, 0);
    peer_wait_running();
}

// Until the other CPU has done one more of it, or has ended.
static bool more_of(const volatile uint64_t *what, uint64_t than)
{
    for (const uint64_t start = tsc(); *what <= than;) {
        if (there.reason != ~0ull || tsc() - start > TICKS)
            return false;
        cpu_relax();
    }
    return true;
}

// The other CPU's L1 executes INVEPT: all that L2 does behind it is with EPT12 as it is now.
static bool invalidate_there(void)
{
    const uint64_t before = there.answered;
    lapic_send(peer()->apic_id, ICR_NMI);
    return more_of(&there.answered, before);
}

static void end_there(void)
{
    enough = true;
    if (!peer()->job_done)
        lapic_send(peer()->apic_id, ICR_NMI);
    peer_wait();
    expect("the other CPU failed", peer_seen.failed, 0);
}

// The page is now here, now there. No expectation before the end would leave the other CPU alone.
static void page_moves(uint64_t also_here)
{
    struct cpu *c = this_cpu();
    uint64_t wrong = 0, lost = 0;
    c->data[0] = 0x1111;
    c->data[512] = 0x2222;
    start_there(shared_ept_reads, address(c->data) | EPT_WB | EPT_ALL);
    for (unsigned round = 1; round <= ROUNDS && lost == 0; round++) {
        const uint64_t page = round & 1 ? address(c->data + 512) : address(c->data), want = round & 1 ? 0x2222 : 0x1111;
        ept12_map(0, page | EPT_WB | EPT_ALL);
        lost += !invalidate_there() || !more_of(&there.count, there.count + 2);  // one may have been under way
        wrong += there.value != want;
        if (also_here) {
            ept12_flush();
            l2_start(shared_ept_read);
            GPR(RSI) = WINDOW_LINEAR;
            l2_run();
            wrong += c->exit.reason != EXIT_VMCALL || GPR(RAX) != want;
        }
    }
    end_there();
    expect("rounds without an answer", lost, 0);
    expect("values that were another page's", wrong, 0);
}

// What was absent needs no INVEPT: no CPU keeps that (SDM 3C 29.4.2 "Creating and Using Cached Translation Information").
static void page_comes(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    c->data[0] = 0x3333;
    start_there(shared_ept_waits, 0);
    ept12_map(0, address(c->data) | EPT_WB | EPT_ALL);
    there.value = 1;
    peer_wait();
    expect("exit reason there", there.reason, EXIT_VMCALL);
    expect("value there", peer()->gpr[RAX], 0x3333);
}

// Its right to write goes while L2 writes: a violation, and from then on the page stays as it is.
static void right_goes(uint64_t rights)
{
    struct cpu *c = this_cpu();
    start_there(shared_ept_writes, address(c->data) | EPT_WB | EPT_ALL);
    const bool wrote = more_of(&there.count, 100);
    ept12_map(0, rights ? address(c->data) | EPT_WB | rights : 0);
    (void)invalidate_there();  // the violation may come before it
    for (const uint64_t start = tsc(); there.reason == ~0ull && tsc() - start < TICKS;)
        cpu_relax();
    end_there();
    expect("L2 wrote before", wrote, 1);
    expect("exit reason there", there.reason, EXIT_EPT_VIOLATION);
    expect("qualification: a write, and what there is", there.qualification & 0x1bf, 1ull << 7 | 1ull << 8 | 2 | rights << 3);
    expect("what was written last", c->data[0], there.count - 1);
}

// A table of EPT12 in the place of another, above the one that L2's CPU uses.
static void table_moves(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    uint64_t wrong = 0, lost = 0;
    c->data[0] = 0x1111;
    c->data[512] = 0x2222;
    c->page_a[0] = address(c->data + 512) | EPT_WB | EPT_ALL;
    start_there(shared_ept_reads, address(c->data) | EPT_WB | EPT_ALL);
    for (unsigned round = 1; round <= ROUNDS && lost == 0; round++) {
        c->ept_regions[0] = address(round & 1 ? c->page_a : c->ept_table) | EPT_ALL;
        lost += !invalidate_there() || !more_of(&there.count, there.count + 2);
        wrong += there.value != (round & 1 ? 0x2222 : 0x1111);
    }
    end_there();
    expect("rounds without an answer", lost, 0);
    expect("values that were another page's", wrong, 0);
}

void shared_ept_tests(void)
{
    test_row("page_moves", "there", page_moves, 0);
    test_row("page_moves", "on_both", page_moves, 1);
    TEST(page_comes);
    test_row("right_goes", "read_only", right_goes, EPT_READ | EPT_EXECUTE);
    test_row("right_goes", "absent", right_goes, 0);
    TEST(table_moves);
}

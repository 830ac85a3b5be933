// SPDX-License-Identifier: BSD-2-Clause
// VMX aborts (SDM 3C 28.7 "VMX Aborts"): a VM exit that can't be done leaves its CPU in shutdown, and says why in the VMCS region. The other CPU of two looks. Last of all
// tests, and with the option abort only: that CPU doesn't come back.

#include "abort.h"
#include "cpu_insn.h"
#include "l2.h"
#include "lapic.h"
#include "options.h"
#include "peer.h"
#include "x86.h"

L2(abort_cpuid, "movl $1, (%rdi)\n\tcpuid");

#define ABORT_STORE 1
#define ABORT_LOAD  4
#define INDICATOR   1  // the region's second word
#define TICKS       (1ull << 21)

// Its list has an MSR of a range that no list may name.
static const struct row { const char *name; enum vmcs_field address, count; uint32_t indicator; } rows[] = {
    { "store", VMCS_EXIT_MSR_STORE_ADDR, VMCS_EXIT_MSR_STORE_COUNT, ABORT_STORE },
    { "load", VMCS_EXIT_MSR_LOAD_ADDR, VMCS_EXIT_MSR_LOAD_COUNT, ABORT_LOAD },
};

// There.
static void aborts(uint64_t index)
{
    struct cpu *c = this_cpu();
    c->page_a[0] = 0x808;
    c->page_a[1] = 0;
    vmcs_write(rows[index].address, address(c->page_a));
    vmcs_write(rows[index].count, 1);
    c->vmcs[0][INDICATOR] = 0;
    l2_start(abort_cpuid);
    GPR(RDI) = address(&peer_seen.running);
    l2_run();
    peer_seen.value = 1 + c->exit.reason;  // it went on
}

static void wait_ticks(void)
{
    for (const uint64_t start = tsc(); tsc() - start < TICKS;)
        cpu_relax();
}

static void shuts_down(uint64_t index)
{
    const volatile uint32_t *indicator = &peer()->vmcs[0][INDICATOR];
    peer_run(aborts, index);
    peer_wait_running();
    for (const uint64_t start = tsc(); *indicator == 0 && tsc() - start < TICKS;)
        cpu_relax();
    wait_ticks();
    expect("the CPU went on", peer_seen.value, 0);
    // No external interrupt wakes it.
    lapic_send(peer()->apic_id, ICR_FIXED | 0x71);
    wait_ticks();
    expect("the CPU went on after an interrupt", peer_seen.value + peer()->interrupt.count + peer()->job_done, 0);
    expect("VMX-abort indicator", *indicator, rows[index].indicator);
}

void abort_tests(void)
{
    const uint64_t index = options.abort - 1;
    if (index < sizeof(rows) / sizeof(rows[0]))
        test_row("shuts_down", rows[index].name, shuts_down, index);
}

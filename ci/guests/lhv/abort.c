// SPDX-License-Identifier: BSD-2-Clause
// VMX aborts (SDM 3C 28.7 "VMX Aborts"): a VM exit that can't be done leaves its CPU in shutdown, and says why in the VMCS region. The other CPU of two looks. Last of all
// tests, and with the option abort only: that CPU doesn't come back.

#include "abort.h"
#include "cpu_insn.h"
#include "host32.h"
#include "l2.h"
#include "lapic.h"
#include "options.h"
#include "peer.h"
#include "x86.h"

L2(abort_cpuid, "movl $1, (%rdi)\n\tcpuid");
HOST32(abort_vmlaunch, "vmlaunch");

#define ABORT_STORE 1
#define ABORT_PDPTE 2
#define ABORT_LOAD  4
#define INDICATOR   1  // the region's second word
#define TICKS       (1ull << 21)

// An MSR of a range that no list may name.
static void bad_list(enum vmcs_field at, enum vmcs_field count)
{
    struct cpu *c = this_cpu();
    c->page_a[0] = 0x808;
    c->page_a[1] = 0;
    vmcs_write(at, address(c->page_a));
    vmcs_write(count, 1);
}

static void bad_store(void) { bad_list(VMCS_EXIT_MSR_STORE_ADDR, VMCS_EXIT_MSR_STORE_COUNT); }
static void bad_load(void) { bad_list(VMCS_EXIT_MSR_LOAD_ADDR, VMCS_EXIT_MSR_LOAD_COUNT); }

// A 32-bit host with PAE paging: the first of its page-directory pointers has a reserved bit. It comes back from here only where there is no abort.
static void bad_pdpte(void)
{
    struct cpu *c = this_cpu();
    (void)host32_prepare(true);
    c->page_c[0] = 3;
    W(HOST_CR3, address(c->page_c));
    host32_begin();
    (void)host32_step(abort_vmlaunch);
    peer_seen.running = 1;
    host32_end();
}

static const struct row { const char *name; void (*spoil)(void); uint32_t indicator; } rows[] = {
    { "store", bad_store, ABORT_STORE }, { "load", bad_load, ABORT_LOAD }, { "pdpte", bad_pdpte, ABORT_PDPTE },
};

// There.
static void aborts(uint64_t index)
{
    struct cpu *c = this_cpu();
    c->vmcs[0][INDICATOR] = 0;
    rows[index].spoil();
    l2_start(abort_cpuid);
    GPR(RDI) = address(&peer_seen.running);
    l2_run();
    peer_seen.value = 1 + c->exit.reason;  // it went on
}

static void shuts_down(uint64_t index)
{
    const volatile uint32_t *indicator = &peer()->vmcs[0][INDICATOR];
    peer_run(aborts, index);
    peer_wait_running();
    for (const uint64_t start = tsc(); *indicator == 0 && tsc() - start < TICKS;)
        cpu_relax();
    tsc_wait(TICKS);
    expect("the CPU went on", peer_seen.value, 0);
    // No external interrupt wakes it.
    lapic_send(peer()->apic_id, ICR_FIXED | 0x71);
    tsc_wait(TICKS);
    expect("the CPU went on after an interrupt", peer_seen.value + peer()->interrupt.count + peer()->job_done, 0);
    expect("VMX-abort indicator", *indicator, rows[index].indicator);
}

void abort_tests(void)
{
    const uint64_t index = options.abort - 1;
    if (index < sizeof(rows) / sizeof(rows[0]))
        test_row("shuts_down", rows[index].name, shuts_down, index);
}

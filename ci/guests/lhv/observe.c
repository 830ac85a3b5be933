// SPDX-License-Identifier: BSD-2-Clause
// A partition that observes (partitions/observe) is shown each exit of an L2, whether L1 gets it (201) or L0 resolves it (202), and L1's entries (102). It counts them.

#include <caps/exit_reason.h>
#include <caps/hypercall.h>

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "vmx.h"
#include "x86.h"

void observe_tests(void);

L2(observe_cpuid, "cpuid");
L2(observe_rdmsr, "rdmsr");
L2(observe_read, "mov (%rsi), %rax");

// Exits so far: HYPERCALL_OBSERVE_COUNT, by VMCALL in VMX root operation.
static uint64_t seen(uint64_t level, uint64_t reason)
{
    uint64_t number = HYPERCALL_OBSERVE_COUNT;
    __asm__ volatile("vmcall" : "+a"(number) : "b"(reason), "c"(level) : "memory", "cc");
    return number;
}

#define KINDS 5
static const struct { uint64_t level, reason; const char *name; } kind[KINDS] = {
    { 1, EXIT_VMLAUNCH, "VMLAUNCHs of L1" }, { 1, EXIT_VMRESUME, "VMRESUMEs of L1" }, { 2, EXIT_CPUID, "CPUIDs of L2" }, { 2, EXIT_RDMSR, "RDMSRs of L2" },
    { 2, EXIT_EPT_VIOLATION, "EPT violations of L2" },
};

// The code has run once before anything is counted: what it needs is in EPT02 then.
static void begin(uint64_t before[KINDS], const char *code)
{
    // Without a current VMCS it is VMfailInvalid where nobody answers; with one the emulator would end.
    (void)vmx_vmclear(address(this_cpu()->vmcs[0]));
    if (seen(2, EXIT_CPUID) == HYPERCALL_OBSERVE_COUNT)
        test_skip("no partition `observe`");
    vmcs_fresh(this_cpu());
    l2_start(code);
    l2_run();
    vmcs_fresh(this_cpu());
    for (unsigned i = 0; i < KINDS; i++)
        before[i] = seen(kind[i].level, kind[i].reason);
}

static void want(const uint64_t before[KINDS], uint64_t launches, uint64_t resumes, uint64_t cpuids, uint64_t rdmsrs, uint64_t violations)
{
    const uint64_t more[KINDS] = { launches, resumes, cpuids, rdmsrs, violations };
    for (unsigned i = 0; i < KINDS; i++)
        expect(kind[i].name, seen(kind[i].level, kind[i].reason) - before[i], more[i]);
}

// 102 and 201.
static void entries_and_l1s_exits(uint64_t unused)
{
    (void)unused;
    uint64_t before[KINDS];
    begin(before, observe_cpuid);
    l2_start(observe_cpuid);
    want_exit(EXIT_CPUID);
    want(before, 1, 0, 1, 0, 0);
    want_exit(EXIT_CPUID);
    want(before, 1, 1, 2, 0, 0);
}

// 202: an MSR that L0 answers for, and that L1 doesn't intercept.
static void resolved(uint64_t unused)
{
    (void)unused;
    uint64_t before[KINDS];
    begin(before, observe_rdmsr);
    NEED(PROC, USE_MSR_BITMAPS);
    W(MSR_BITMAP, address(this_cpu()->page_a));
    l2_start(observe_rdmsr);
    GPR(RCX) = MSR_VMX_BASIC;
    want_end();
    expect("what L2 reads", (GPR(RAX) & 0xffffffff) | GPR(RDX) << 32, msr_read(MSR_VMX_BASIC));
    want(before, 1, 0, 0, 1, 0);
}

// The same reason as one and as the other: a page that only EPT02 lacks, and one that EPT12 lacks, too.
static void ept_violations(uint64_t unused)
{
    (void)unused;
    uint64_t before[KINDS];
    GPR(RSI) = WINDOW_LINEAR;
    begin(before, observe_read);
    NEED(PROC2, ENABLE_EPT);
    l2_start(observe_read);
    want_exit(EXIT_EPT_VIOLATION);
    const uint64_t violations = seen(2, EXIT_EPT_VIOLATION);
    ept12_map(0, address(this_cpu()->data) | EPT_WB | EPT_ALL);
    this_cpu()->data[0] = 0x1234;
    want_end();
    expect("what L2 reads", GPR(RAX), 0x1234);
    expect("EPT violations, of which L1 sees none", seen(2, EXIT_EPT_VIOLATION) - violations, 1);
    expect("VMRESUMEs of L1", seen(1, EXIT_VMRESUME) - before[1], 1);
}

void observe_tests(void)
{
    TEST(entries_and_l1s_exits);
    TEST(resolved);
    TEST(ept_violations);
}

// SPDX-License-Identifier: BSD-2-Clause
// The observer's counters: they grow by what the probe does, and by nothing else.

#include <caps/exit_reason.h>
#include <caps/hypercall.h>

#include "cpu_insn.h"
#include "probe.h"

#define TIMES 100

static uint64_t seen(uint64_t level, uint64_t reason)
{
    struct registers registers = { .rax = HYPERCALL_OBSERVE_COUNT, .rbx = reason, .rcx = level };
    if (!hypercall(&registers))
        report("WRONG", "hypercall", level, reason);
    return registers.rax;
}

static bool check(const char *name, uint64_t found, uint64_t wanted)
{
    if (found != wanted)
        report("WRONG", name, wanted, found);
    return found == wanted;
}

bool try_counters(void)
{
    const uint64_t before = seen(1, EXIT_CPUID);
    for (unsigned i = 0; i < TIMES; i++)
        (void)cpuid(0);
    bool good = check("cpuid", seen(1, EXIT_CPUID) - before, TIMES);
    const uint64_t calls = seen(1, EXIT_VMCALL);
    good &= check("vmcall", seen(1, EXIT_VMCALL), calls + 1);
    good &= check("l2", seen(2, EXIT_CPUID), 0);
    good &= check("level 0", seen(0, EXIT_CPUID), ~0ull);
    good &= check("level 3", seen(3, EXIT_CPUID), ~0ull);
    good &= check("reason", seen(1, EXIT_REASON_COUNT), ~0ull);
    return good;
}

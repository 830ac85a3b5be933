// SPDX-License-Identifier: BSD-2-Clause
// INIT, SIPI and NMI in any order and number, on CPUs that run and CPUs that wait for SIPI; and shoot-downs meanwhile, which must not wait for a
// CPU that takes no NMI. A write to an MTRR is such a shoot-down on Bulkhead.

#include "lapic.h"
#include "memory.h"
#include "probe.h"

#define PAGE        4096u
#define OTHERS      3u      // CPUs 1 to 3; their local APICs have these IDs
#define WAIT_TICKS  20000000ull
#define MTRR_FIX64K 0x250
#define WRITE_BACK  6u
#define SHOTS       20u     // an even number
#define VECTOR_NMI  2u
enum { APIC_OFF = 1, APIC_ON = 2 };  // orders (startup.S)

extern const uint8_t startup_page[], startup_page_end[], startup_nmi[];

struct counts { volatile uint32_t starts, turns, nmis, order; };
static struct counts *counts;
static uint64_t page, wrong;

bool startup_prepare(EFI_SYSTEM_TABLE *system)
{
    page = memory_below(system, 0xa0000, 1);
    if (page == 0)
        return false;
    for (uint64_t i = 0; i < (uint64_t)(startup_page_end - startup_page); i++)
        ((volatile uint8_t *)(uintptr_t)page)[i] = startup_page[i];
    counts = (struct counts *)(uintptr_t)(page + (uint64_t)(startup_page_end - startup_page) - 8 * sizeof(struct counts));
    static volatile uint64_t vector = 4 * VECTOR_NMI;  // in real mode: offset, segment
    *(volatile uint32_t *)(uintptr_t)vector = (uint32_t)(page >> 4) << 16 | (uint32_t)(startup_nmi - startup_page);
    return true;
}

static void check(const char *what, uint64_t cpu, bool good)
{
    if (!good) {
        report("WRONG", what, cpu, counts[cpu].starts);
        wrong++;
    }
}

static void init(uint64_t cpu)
{
    lapic_send((uint32_t)cpu, ICR_INIT);
    tsc_wait(20000);
}

static void sipi(uint64_t cpu)
{
    lapic_send((uint32_t)cpu, ICR_STARTUP | (uint32_t)(page >> 12));
    tsc_wait(20000);
}

static bool counts_on(uint64_t cpu)
{
    const uint32_t before = counts[cpu].turns;
    const uint64_t start = tsc();
    while (counts[cpu].turns == before)
        if (tsc() - start > WAIT_TICKS)
            return false;
    return true;
}

static bool stands(uint64_t cpu)
{
    const uint32_t before = counts[cpu].turns;
    tsc_wait(50000);
    return counts[cpu].turns == before;
}

static bool started(uint64_t cpu, uint32_t starts)
{
    const uint64_t start = tsc();
    while (counts[cpu].starts != starts)
        if (tsc() - start > WAIT_TICKS)
            return false;
    return counts_on(cpu);
}

static void shoot_down(void)
{
    for (unsigned i = 0; i < SHOTS; i++)
        msr_write(MTRR_FIX64K, msr_read(MTRR_FIX64K) ^ WRITE_BACK);  // of the first 64 KiB: there and back
}

// The CPUs that run have seen nothing of it.
static void bystanders(uint64_t but, const uint32_t starts[OTHERS + 1])
{
    for (uint64_t cpu = 1; cpu <= OTHERS; cpu++)
        if (cpu != but)
            check("bystander", cpu, counts_on(cpu) && counts[cpu].starts == starts[cpu]);
}

// INIT, and INIT again, then `sipis` SIPIs: the first one starts it, once.
static void restart(uint64_t cpu, unsigned inits, unsigned sipis, bool shots)
{
    uint32_t starts[OTHERS + 1];
    for (uint64_t i = 1; i <= OTHERS; i++)
        starts[i] = counts[i].starts;
    for (unsigned i = 0; i < inits; i++)
        init(cpu);
    check("a CPU after INIT runs", cpu, stands(cpu));
    if (shots)
        shoot_down();
    bystanders(cpu, starts);
    check("a CPU runs after INIT and a shoot-down", cpu, stands(cpu) && counts[cpu].starts == starts[cpu]);
    for (unsigned i = 0; i < sipis; i++)
        sipi(cpu);
    check("a CPU does not start once", cpu, started(cpu, starts[cpu] + 1));
    shoot_down();
    bystanders(0, (uint32_t[]){ 0, counts[1].starts, counts[2].starts, counts[3].starts });
}

static void nmi(uint64_t cpu)
{
    const uint32_t before = counts[cpu].nmis;
    lapic_send((uint32_t)cpu, ICR_NMI);
    tsc_wait(50000);
    check("NMIs of a running CPU", cpu, counts[cpu].nmis == before + 1 && counts_on(cpu));
    init(cpu);
    lapic_send((uint32_t)cpu, ICR_NMI);
    tsc_wait(50000);
    check("an NMI wakes a CPU that waits for SIPI", cpu, stands(cpu));
    const uint32_t starts = counts[cpu].starts;
    sipi(cpu);
    check("a CPU does not start after an NMI", cpu, started(cpu, starts + 1) && counts[cpu].nmis - before <= 2);
}

static void apic(uint64_t cpu, uint32_t order)
{
    const uint64_t start = tsc();
    counts[cpu].order = order;
    while (counts[cpu].order != 0 && tsc() - start < WAIT_TICKS)
        cpu_relax();
    check("a CPU does not switch its local APIC", cpu, counts[cpu].order == 0);
}

// A CPU that no NMI could reach takes part in shoot-downs. Switched on again, its local APIC is as after a reset: NMI, INIT and SIPI it takes.
static void without_apic(uint64_t cpu)
{
    apic(cpu, APIC_OFF);
    shoot_down();
    check("a CPU without a local APIC does not run", cpu, counts_on(cpu));
    apic(cpu, APIC_ON);
    shoot_down();
    nmi(cpu);
}

static void all(unsigned sipis)
{
    uint32_t starts[OTHERS + 1];
    for (uint64_t i = 1; i <= OTHERS; i++)
        starts[i] = counts[i].starts;
    lapic_send(0, ICR_ALL_OTHERS | ICR_INIT);
    tsc_wait(50000);
    for (uint64_t i = 1; i <= OTHERS; i++)
        check("a CPU runs after the INIT to all", i, stands(i));
    shoot_down();
    for (unsigned i = 0; i < sipis; i++) {
        lapic_send(0, ICR_ALL_OTHERS | ICR_STARTUP | (uint32_t)(page >> 12));
        tsc_wait(20000);
    }
    for (uint64_t i = 1; i <= OTHERS; i++)
        check("a CPU does not start with all", i, started(i, starts[i] + 1));
    shoot_down();
}

bool try_startup(void)
{
    lapic_send(0, ICR_ALL_OTHERS | ICR_INIT);  // from the firmware
    tsc_wait(50000);
    for (uint64_t cpu = 1; cpu <= OTHERS; cpu++) {
        shoot_down();
        sipi(cpu);
        check("a CPU does not start", cpu, started(cpu, 1));
    }
    for (uint64_t cpu = 1; cpu <= OTHERS; cpu++) {
        sipi(cpu);  // it runs: nothing
        check("a SIPI restarts a running CPU", cpu, counts_on(cpu) && counts[cpu].starts == 1);
        restart(cpu, 1, 1, true);
        restart(cpu, 1, 2, true);
        restart(cpu, 2, 2, true);
        restart(cpu, 3, 1, false);
        nmi(cpu);
        without_apic(cpu);
    }
    for (unsigned round = 0; round < 3; round++)
        all(1 + round % 2);
    report("restarted", "CPUs", counts[1].starts + counts[2].starts + counts[3].starts, wrong);
    return wrong == 0;
}

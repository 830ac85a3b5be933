/* SPDX-License-Identifier: BSD-2-Clause */
/* Preloaded into Bochs, where EMULATOR_COUNTS is set: a performance counter, which Bochs hasn't got though CPUID offers it. Fixed counter 2 of CPU 0 (SDM 3B 20.2.2
 * "Architectural Performance Monitoring Version 2"), 48 bits wide as CPUID says: it goes up with the time-stamp counter while it is on in all rings, says in
 * IA32_PERF_GLOBAL_STATUS that it has wrapped, and has the local APIC deliver what its entry says, which masks the entry (SDM 3A 11.5.1). */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counter.h"

/* In Bochs: a CPU's description, with virtual functions for the MSRs that a model has beside the usual ones, and its local APIC. handle_unknown_rdmsr() and
 * apic_bus_deliver_interrupt() read them there. */
#define CPU_CPUID       0x38
#define CPU_LAPIC       0xd18
#define VTABLE_ENTRIES  32
#define VTABLE_RDMSR    7
#define VTABLE_WRMSR    8

enum { COUNT = 0x30b, CONTROL = 0x38d, STATUS = 0x38e, ENABLED = 0x38f, CLEAR = 0x390 };
#define WIDTH_MASK    ((1ull << 48) - 1)
#define BIT           (1ull << 34)
#define RINGS         0x300u
#define INTERRUPT     0x800u
#define LVT_COUNTER   0xfee00340u
#define LVT_MASKED    0x10000u

static struct { uint64_t count, since, control, status, enabled; } counter;
static char *cpu;
static int timer;

static struct {
    void *pc_system;
    int (*register_timer)(void *system, void *argument, void (*fire)(void *), uint64_t ticks, _Bool again, _Bool active, const char *name);
    void (*start_timer)(void *system, unsigned timer, uint64_t ticks, _Bool again);
    void (*stop_timer)(void *system, unsigned timer);
    uint64_t (*tsc)(void *cpu);
    uint32_t (*lapic_read)(void *lapic, uint64_t address);
    void (*lapic_write)(void *lapic, uint64_t address, uint32_t value);
    _Bool (*deliver)(void *lapic, uint8_t vector, uint8_t mode, uint8_t level);
} bochs;

static int counts(void) { return (counter.enabled & BIT) && (counter.control & RINGS) == RINGS; }

static void interrupt(void)
{
    void *lapic = *(void **)(void *)(cpu + CPU_LAPIC);
    const uint32_t entry = bochs.lapic_read(lapic, LVT_COUNTER);
    if (!(counter.control & INTERRUPT) || entry & LVT_MASKED)
        return;
    bochs.lapic_write(lapic, LVT_COUNTER, entry | LVT_MASKED);
    bochs.deliver(lapic, (uint8_t)entry, entry >> 8 & 7, 0);
}

/* What has passed is in the count; the timer comes when it wraps. */
static void settle(void)
{
    const uint64_t now = bochs.tsc(cpu), before = counter.count;
    if (counts())
        counter.count = (before + (now - counter.since)) & WIDTH_MASK;
    counter.since = now;
    if (counter.count < before) {
        counter.status |= BIT;
        interrupt();
    }
}

static void schedule(void)
{
    if (counts())
        bochs.start_timer(bochs.pc_system, (unsigned)timer, WIDTH_MASK + 1 - counter.count, 0);
    else
        bochs.stop_timer(bochs.pc_system, (unsigned)timer);
}

static void fire(void *unused)
{
    (void)unused;
    settle();
    schedule();
}

static int read_msr(void *cpuid, unsigned msr, uint64_t *value)
{
    (void)cpuid;
    settle();
    switch (msr) {
    case COUNT: *value = counter.count; return 1;
    case CONTROL: *value = counter.control; return 1;
    case STATUS: *value = counter.status; return 1;
    case ENABLED: *value = counter.enabled; return 1;
    case CLEAR: *value = 0; return 1;
    default: return -1;
    }
}

static int write_msr(void *cpuid, unsigned msr, uint64_t value)
{
    (void)cpuid;
    settle();
    switch (msr) {
    case COUNT:
        if (value & ~WIDTH_MASK)
            return 0;  /* #GP */
        counter.count = value;
        break;
    case CONTROL: counter.control = value; break;
    case ENABLED: counter.enabled = value; break;
    case CLEAR: counter.status &= ~value; break;
    case STATUS: return 0;
    default: return -1;
    }
    schedule();
    return 1;
}

static void *find(const char *name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);
    if (!symbol) {
        fprintf(stderr, "ci/counter.c doesn't know this build of Bochs: it has no %s\n", name);
        abort();
    }
    return symbol;
}

void counter_begin(void)
{
    static void *vtable[VTABLE_ENTRIES];
    bochs.pc_system = find("bx_pc_system");
    *(void **)&bochs.register_timer = find("_ZN14bx_pc_system_c20register_timer_ticksEPvPFvS0_EmbbPKc");
    *(void **)&bochs.start_timer = find("_ZN14bx_pc_system_c20activate_timer_ticksEjmb");
    *(void **)&bochs.stop_timer = find("_ZN14bx_pc_system_c16deactivate_timerEj");
    *(void **)&bochs.tsc = find("_ZN8BX_CPU_C7get_TSCEv");
    *(void **)&bochs.lapic_read = find("_ZN15bx_local_apic_c12read_alignedEm");
    *(void **)&bochs.lapic_write = find("_ZN15bx_local_apic_c13write_alignedEmj");
    *(void **)&bochs.deliver = find("_ZN15bx_local_apic_c7deliverEhhh");
    cpu = **(char ***)find("bx_cpu_array");
    void ***cpuid = *(void ****)(void *)(cpu + CPU_CPUID);
    void *lapic = *(void **)(void *)(cpu + CPU_LAPIC);
    if ((*cpuid)[VTABLE_RDMSR] != find("_ZN10bx_cpuid_t5rdmsrEjPm") || (*cpuid)[VTABLE_WRMSR] != find("_ZN10bx_cpuid_t5wrmsrEjm") ||
        *(void ***)lapic != (void **)find("_ZTV15bx_local_apic_c") + 2) {
        fputs("ci/counter.c doesn't know this build of Bochs\n", stderr);
        abort();
    }
    memcpy(vtable, *cpuid, sizeof(vtable));
    *(void **)&vtable[VTABLE_RDMSR] = (void *)(uintptr_t)read_msr;
    *(void **)&vtable[VTABLE_WRMSR] = (void *)(uintptr_t)write_msr;
    *cpuid = vtable;
    counter.since = bochs.tsc(cpu);
    timer = bochs.register_timer(bochs.pc_system, NULL, fire, 1, 0, 0, "counter");
}

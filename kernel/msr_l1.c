// SPDX-License-Identifier: BSD-2-Clause
// MSRs as L1 sees them. Everything that isn't listed in msr_watch.def L1 reads and writes without an exit.
#include "msr_l1.h"

#include "ept01.h"
#include "exit.h"
#include "inject.h"
#include "lapic.h"
#include "msr.h"
#include "shootdown.h"
#include "vmcs.h"
#include "watchdog.h"

enum what {
    WHAT_FREE,
    WHAT_HIDDEN,     // #GP: VMX itself where no partition offers it; processor trace, PEBS and BTS, which would write to L0's memory
    WHAT_VMCS,       // the CPU's is L0's: L1's is in the VMCS
    WHAT_MTRR,       // memory types of EPT01 follow
    WHAT_MICROCODE,  // writes do nothing: the update lies at an address of L1's
    WHAT_APIC_BASE,  // neither moves nor stays off: L0 sends and gets NMIs through it, and it must not lie over hidden memory
};

static enum what what_of(uint32_t msr)
{
    static const struct { uint32_t first, last; enum what what; } watched[] = {
#define MSR_WATCH(first, last, read, write, what) { first, last, WHAT_##what },
#include "msr_watch.def"
#undef MSR_WATCH
    };
    for (unsigned i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
        if (msr >= watched[i].first && msr <= watched[i].last)
            return watched[i].what;
    return WHAT_FREE;
}

bool msr_l1_writable(uint32_t msr) { return what_of(msr) != WHAT_HIDDEN && what_of(msr) != WHAT_VMCS; }

bool msr_read_l1(struct cpu *cpu, uint32_t msr, uint64_t *value) { return msr_l1_writable(msr) && watchdog_msr(cpu, msr, value, false); }

// What L1 switches off stays on in xAPIC mode, with what it was programmed to do: it would have to be reset. From x2APIC mode the way leads through
// the reset (SDM 3A 11.12.5.1 "x2APIC States").
static bool write_apic_base(struct cpu *cpu, uint64_t value)
{
    const uint64_t now = msr_read(MSR_APIC_BASE);
    if ((value ^ now) & APIC_BASE_ADDRESS)
        return false;
    if (value & (APIC_BASE_ENABLE | APIC_BASE_X2APIC))
        return msr_write_safe(MSR_APIC_BASE, value);
    if ((now & APIC_BASE_X2APIC && !msr_write_safe(MSR_APIC_BASE, value)) || !msr_write_safe(MSR_APIC_BASE, value | APIC_BASE_ENABLE))
        return false;
    if (now & APIC_BASE_X2APIC)
        (void)shootdown_nmi(cpu);  // one that came meanwhile is lost
    return true;
}

bool msr_write_l1(struct cpu *cpu, uint32_t msr, uint64_t value)
{
    switch (what_of(msr)) {
    case WHAT_FREE: return watchdog_msr(cpu, msr, &value, true);
    case WHAT_MICROCODE: return true;
    case WHAT_APIC_BASE: return write_apic_base(cpu, value);
    case WHAT_MTRR:
        if (!msr_write_safe(msr, value))
            return false;
        ept01_retype();
        return true;
    default: return false;
    }
}

void msr_exit_read(struct cpu *cpu)
{
    uint64_t value;
    if (!msr_read_l1(cpu, (uint32_t)cpu->gpr[GPR_RCX], &value)) {
        inject_gp(cpu, 0);
        return;
    }
    cpu->gpr[GPR_RAX] = (uint32_t)value;
    cpu->gpr[GPR_RDX] = value >> 32;
    advance_rip(cpu);
}

void msr_exit_write(struct cpu *cpu)
{
    uint64_t value = (uint32_t)cpu->gpr[GPR_RAX] | cpu->gpr[GPR_RDX] << 32;
    if (msr_write_l1(cpu, (uint32_t)cpu->gpr[GPR_RCX], value))
        advance_rip(cpu);
    else
        inject_gp(cpu, 0);
}

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

enum what {
    WHAT_HIDDEN,     // #GP: VMX itself where no partition offers it; processor trace, PEBS and BTS, which would write to L0's memory
    WHAT_MTRR,       // memory types of EPT01 follow
    WHAT_MICROCODE,  // writes do nothing: the update lies at an address of L1's
    WHAT_APIC_BASE,  // neither moves nor stays off: L0 sends and gets NMIs through it, and it must not lie over hidden memory
};

static const struct { uint32_t first, last; enum what what; } watched[] = {
#define MSR_WATCH(first, last, read, write, what) { first, last, WHAT_##what },
#include "msr_watch.def"
#undef MSR_WATCH
};
#define WATCHED (sizeof(watched) / sizeof(watched[0]))

static int find(uint32_t msr)
{
    for (unsigned i = 0; i < WATCHED; i++)
        if (msr >= watched[i].first && msr <= watched[i].last)
            return (int)i;
    return -1;
}

// MSRs that are L0's while it runs: L1's are in the VMCS.
static bool in_vmcs(uint32_t msr)
{
    return msr == MSR_EFER || msr == MSR_PAT || msr == MSR_DEBUGCTL || (msr >= MSR_SYSENTER_CS && msr <= MSR_SYSENTER_EIP) || msr == MSR_FS_BASE ||
           msr == MSR_GS_BASE;
}

bool msr_l1_writable(uint32_t msr)
{
    int i = find(msr);
    return !in_vmcs(msr) && (i < 0 || watched[i].what != WHAT_HIDDEN);
}

bool msr_read_l1(struct cpu *cpu, uint32_t msr, uint64_t *value)
{
    (void)cpu;
    int i = find(msr);
    if (in_vmcs(msr) || (i >= 0 && watched[i].what == WHAT_HIDDEN))
        return false;
    return msr_read_safe(msr, value);
}

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
    if (!msr_l1_writable(msr))
        return false;
    int i = find(msr);
    if (i < 0)
        return msr_write_safe(msr, value);
    switch (watched[i].what) {
    case WHAT_MICROCODE:
        return true;
    case WHAT_APIC_BASE:
        return write_apic_base(cpu, value);
    case WHAT_MTRR:
        if (!msr_write_safe(msr, value))
            return false;
        ept01_retype();
        return true;
    default:
        return false;
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

// SPDX-License-Identifier: BSD-2-Clause
// Reads what VT-x offers on the CPU that runs this.
#include <caps/cpuid.h>

#include "cpuid.h"
#include "cr.h"
#include "msr.h"
#include "vtx.h"

#define CPUID_FEATURES          1u
#define CPUID_FEATURES_VMX      (1u << 5)   // ECX
#define CPUID_FEATURES_PDCM     (1u << 15)  // ECX
#define CPUID_FEATURES_PCID     (1u << 17)  // ECX
#define CPUID_STRUCTURED        7u
#define CPUID_STRUCTURED_INVPCID (1u << 10) // EBX
#define CPUID_STRUCTURED_RTM     (1u << 11) // EBX
#define CPUID_STRUCTURED_BUS_LOCK (1u << 24) // ECX
#define CPUID_FEATURES_GUEST    (1u << 31)  // ECX: there is a hypervisor
#define CPUID_EXTENDED          0x80000001u
#define CPUID_EXTENDED_NX       (1u << 20)  // EDX
#define CPUID_ADDRESS_BITS      0x80000008u

// Every capability MSR exists only if others say so (SDM 3D appendix A "VMX Capability Reporting Facility").
static bool msr_exists(const uint64_t *msr, uint32_t number)
{
    uint32_t proc = (uint32_t)(msr[0x482 - VMX_MSR_FIRST] >> 32), proc2 = (uint32_t)(msr[0x48b - VMX_MSR_FIRST] >> 32);
    switch (number) {
    case 0x48b: return proc >> 31;                            // PROCBASED_CTLS2
    case 0x48c: return proc2 & (1u << 1 | 1u << 5);           // EPT_VPID_CAP
    case 0x48d: case 0x48e: case 0x48f: case 0x490: return msr[0] >> 55 & 1;  // the TRUE ones
    case 0x491: return proc2 & 1u << 13;                      // VMFUNC
    default: return true;
    }
}

static uint64_t debugctl_some(void)
{
    const struct cpuid structured = cpuid(CPUID_STRUCTURED);
    const bool freeze = cpuid(CPUID_FEATURES).ecx & CPUID_FEATURES_PDCM && msr_read(MSR_PERF_CAPABILITIES) & PERF_CAPABILITIES_FREEZE_SMM;
    return (structured.ecx & CPUID_STRUCTURED_BUS_LOCK ? DEBUGCTL_BUS_LOCK : 0) | (freeze ? DEBUGCTL_FREEZE_SMM : 0) | (structured.ebx & CPUID_STRUCTURED_RTM ? DEBUGCTL_RTM : 0);
}

void vtx_read(struct vtx_facts *facts)
{
    *facts = (struct vtx_facts){.cr4 = cr4_read()};
    facts->physical_bits = cpuid(CPUID_ADDRESS_BITS).eax & 0xff;
    facts->no_execute = cpuid(CPUID_EXTENDED).edx & CPUID_EXTENDED_NX;
    facts->no_execute_on = facts->no_execute && msr_read(MSR_EFER) & EFER_NXE;
    facts->pcid = cpuid(CPUID_FEATURES).ecx & CPUID_FEATURES_PCID;
    facts->invpcid = cpuid(CPUID_STRUCTURED).ebx & CPUID_STRUCTURED_INVPCID;
    facts->vmx = cpuid(CPUID_FEATURES).ecx & CPUID_FEATURES_VMX;
    if (!facts->vmx)
        return;
    facts->debugctl_some = debugctl_some();
    facts->feature_control = msr_read(MSR_FEATURE_CONTROL);
    for (uint32_t i = 0; i < VMX_MSR_COUNT; i++)
        if (msr_exists(facts->msr, VMX_MSR_FIRST + i))
            facts->msr[i] = msr_read(VMX_MSR_FIRST + i);
}

bool vtx_on_bulkhead(void)
{
    if (!(cpuid(CPUID_FEATURES).ecx & CPUID_FEATURES_GUEST))
        return false;
    struct cpuid leaf = cpuid(CPUID_BULKHEAD);
    return leaf.ebx == CPUID_BULKHEAD_EBX && leaf.ecx == CPUID_BULKHEAD_ECX && leaf.edx == CPUID_BULKHEAD_EDX;
}

// SPDX-License-Identifier: BSD-2-Clause
// What the CPU's VMX can do: capability MSRs (SDM 3D appendix A "VMX Capability Reporting Facility"), and what vmx_control.def makes of them. Pure.
#include "controls.h"

#include <caps/cap.h>

#include "cr.h"

enum need { NEED_NONE, NEED_REQUIRED, NEED_WANTED, NEED_FORCED, NEED_NEVER };

static const struct { uint8_t word, bit, need; } control[] = {
#define CONTROL(word, name, bit, l0, l1) { WORD_##word, bit, NEED_##l0 },
#include <caps/vmx_control.def>
#undef CONTROL
};

// As indexes into msr[].
enum { VMX_CAP_BASIC = 0, VMX_CAP_CR0_FIXED0 = 6, VMX_CAP_CR4_FIXED0 = 8, VMX_CAP_CR4_FIXED1 = 9, VMX_CAP_EPT_VPID = 12 };

#define BASIC_TRUE_CONTROLS  (1ull << 55)
#define MISC_WRITE_ANY_FIELD (1u << 29)
#define EPT_CAP_EXECUTE_ONLY (1u << 0)
#define EPT_CAP_2M           (1u << 16)
#define EPT_CAP_1G           (1u << 17)
#define CR0_PE_PG            0x80000001ull  // an unrestricted guest's to choose

// VMCS01 gets what L0 needs or wants and the CPU has.
static void choose(struct vmx_caps *caps)
{
    for (unsigned i = 0; i < sizeof(control) / sizeof(control[0]); i++) {
        unsigned w = control[i].word;
        uint32_t bit = 1u << control[i].bit;
        enum need need = control[i].need;
        if (need == NEED_FORCED)
            caps->forced1[w] |= bit;
        if (need == NEED_NEVER)
            caps->forced0[w] |= bit;
        if (need == NEED_REQUIRED || need == NEED_FORCED || (need == NEED_WANTED && caps->allowed1[w] & bit))
            caps->vmcs01[w] |= bit;
    }
    caps->vmcs01[WORD_PROC] &= ~PROC_MONITOR_TRAP_FLAG;  // only while something is stepped
    for (unsigned w = 0; w < WORD_COUNT; w++)
        caps->vmcs01[w] |= caps->allowed0[w];
}

void controls_make(struct vmx_caps *caps, const struct vtx_facts *facts)
{
    static const uint8_t plain[WORD_COUNT] = { 1, 2, 11, 3, 4 }, exact[WORD_COUNT] = { 13, 14, 11, 15, 16 };
    *caps = (struct vmx_caps){ .physical_bits = facts->physical_bits, .feature_control = facts->feature_control };
    if (!(caps->feature_control & FEATURE_LOCK))
        caps->feature_control |= FEATURE_LOCK | FEATURE_VMX;
    for (unsigned i = 0; i < VMX_MSR_COUNT; i++)
        caps->msr[i] = facts->msr[i];
    for (unsigned w = 0; w < WORD_COUNT; w++) {
        uint64_t msr = caps->msr[caps->msr[VMX_CAP_BASIC] & BASIC_TRUE_CONTROLS ? exact[w] : plain[w]];
        caps->allowed0[w] = (uint32_t)msr;
        caps->allowed1[w] = (uint32_t)(msr >> 32);
    }
    choose(caps);
    uint64_t ept = caps->msr[VMX_CAP_EPT_VPID];
    caps->ept_execute_only = ept & EPT_CAP_EXECUTE_ONLY;
    caps->ept_2m = ept & EPT_CAP_2M;
    caps->ept_1g = ept & EPT_CAP_1G;
    caps->revision = (uint32_t)caps->msr[VMX_CAP_BASIC] & 0x7fffffff;
    caps->cr0_fixed0 = caps->msr[VMX_CAP_CR0_FIXED0] & ~CR0_PE_PG;
    caps->cr4_fixed0 = caps->msr[VMX_CAP_CR4_FIXED0];
    caps->cr4_supported = caps->msr[VMX_CAP_CR4_FIXED1];
    caps->pcid = facts->pcid && caps->cr4_supported & CR4_PCIDE;
    caps->invpcid = facts->invpcid;
    // TS: the vector registers are the guest's. A partition that touches them faults.
    caps->host_cr0 = CR0_PE | CR0_MP | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_PG | caps->cr0_fixed0;
    uint64_t wanted = CR4_MCE | CR4_PGE | CR4_UMIP | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | (caps->pcid ? CR4_PCIDE : 0);
    caps->host_cr4 = CR4_PAE | CR4_VMXE | (wanted & caps->cr4_supported) | caps->cr4_fixed0;
    caps->write_any_field = caps->msr[VMX_CAP_MISC] & MISC_WRITE_ANY_FIELD;
    caps->shadowing = caps->allowed1[WORD_PROC2] & PROC2_VMCS_SHADOWING && caps->write_any_field;
}

void controls_tell(struct info *info, const struct vmx_caps *caps, const struct vtx_facts *facts, uint32_t cpu_count)
{
    *info = (struct info){ .abi = CAP_ABI, .cpu_count = cpu_count, .physical_bits = caps->physical_bits,
                           .linear_bits = caps->cr4_supported & CR4_LA57 ? 57 : 48, .shadowing = caps->shadowing, .cr4_supported = caps->cr4_supported,
                           .feature_control = caps->feature_control, .debugctl_some = facts->debugctl_some };
    for (unsigned i = 0; i < VMX_MSR_COUNT; i++)
        info->vmx_msr[i] = caps->msr[i];
    for (unsigned i = 0; i < WORD_COUNT; i++) {
        info->forced1[i] = caps->forced1[i];
        info->forced0[i] = caps->forced0[i];
    }
}
_Static_assert(WORD_COUNT == 5, "struct info has five control words");

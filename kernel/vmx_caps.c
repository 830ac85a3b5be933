// SPDX-License-Identifier: BSD-2-Clause
// What the CPU's VMX can do: capability MSRs (SDM 3D appendix A "VMX Capability Reporting Facility"), and what vmx_control.def makes of them.
#include "vmx_caps.h"

#include "cpuid_insn.h"
#include "cr.h"
#include "memory.h"
#include "msr.h"

enum need { NEED_NONE, NEED_REQUIRED, NEED_WANTED, NEED_FORCED, NEED_NEVER };

static const struct { uint8_t word, bit, need; } control[] = {
#define CONTROL(word, name, bit, l0, l1) { WORD_##word, bit, NEED_##l0 },
#include <caps/vmx_control.def>
#undef CONTROL
};

#define FEATURE_LOCK         (1u << 0)
#define FEATURE_VMX          (1u << 2)   // VMXON outside SMX operation
#define BASIC_TRUE_CONTROLS  (1ull << 55)
#define MISC_WRITE_ANY_FIELD (1u << 29)
#define EPT_CAP_EXECUTE_ONLY (1u << 0)
#define EPT_CAP_2M           (1u << 16)
#define EPT_CAP_1G           (1u << 17)

static struct vmx_caps caps;
const struct vmx_caps *vmx_caps = &caps;

uint64_t vmx_enable(void)
{
    uint64_t value = msr_read(MSR_FEATURE_CONTROL);
    if (!(value & FEATURE_LOCK))
        msr_write(MSR_FEATURE_CONTROL, value |= FEATURE_LOCK | FEATURE_VMX);
    return value;
}

// VMCS01 gets what L0 needs or wants and the CPU has.
static void choose_controls(void)
{
    for (unsigned i = 0; i < sizeof(control) / sizeof(control[0]); i++) {
        unsigned w = control[i].word;
        uint32_t bit = 1u << control[i].bit;
        enum need need = control[i].need;
        if (need == NEED_FORCED)
            caps.forced1[w] |= bit;
        if (need == NEED_NEVER)
            caps.forced0[w] |= bit;
        if (need == NEED_REQUIRED || need == NEED_FORCED || (need == NEED_WANTED && caps.allowed1[w] & bit))
            caps.vmcs01[w] |= bit;
    }
    caps.vmcs01[WORD_PROC] &= ~PROC_MONITOR_TRAP_FLAG;  // only while something is stepped
    for (unsigned w = 0; w < WORD_COUNT; w++)
        caps.vmcs01[w] |= caps.allowed0[w];
}

void vmx_caps_init(const struct boot_info *info)
{
    static const uint8_t plain[WORD_COUNT] = { 1, 2, 11, 3, 4 }, exact[WORD_COUNT] = { 13, 14, 11, 15, 16 };
    memory_copy(caps.msr, info->vmx_msr, sizeof(caps.msr));
    for (unsigned w = 0; w < WORD_COUNT; w++) {
        uint64_t msr = caps.msr[caps.msr[VMX_CAP_BASIC] & BASIC_TRUE_CONTROLS ? exact[w] : plain[w]];
        caps.allowed0[w] = (uint32_t)msr;
        caps.allowed1[w] = (uint32_t)(msr >> 32);
    }
    choose_controls();
    uint64_t ept = caps.msr[VMX_CAP_EPT_VPID];
    caps.ept_execute_only = ept & EPT_CAP_EXECUTE_ONLY;
    caps.ept_2m = ept & EPT_CAP_2M;
    caps.ept_1g = ept & EPT_CAP_1G;
    caps.revision = (uint32_t)caps.msr[VMX_CAP_BASIC] & 0x7fffffff;
    caps.physical_bits = cpuid_read(0x80000008, 0).eax & 0xff;
    caps.cr0_fixed0 = caps.msr[VMX_CAP_CR0_FIXED0] & ~(CR0_PE | CR0_PG);
    caps.cr4_fixed0 = caps.msr[VMX_CAP_CR4_FIXED0];
    caps.cr4_supported = caps.msr[VMX_CAP_CR4_FIXED1];
    caps.shadowing = caps.allowed1[WORD_PROC2] & PROC2_VMCS_SHADOWING;
    caps.write_any_field = caps.msr[VMX_CAP_MISC] & MISC_WRITE_ANY_FIELD;
    caps.feature_control = vmx_enable();
}

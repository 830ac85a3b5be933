// SPDX-License-Identifier: BSD-2-Clause
// What the CPU's VMX can do: capability MSRs (SDM 3D appendix A "VMX Capability Reporting Facility") against vmx_control.def.
#include "vmx_caps.h"

#include "cpuid_insn.h"
#include "cr.h"
#include "log.h"
#include "memory.h"
#include "msr.h"

enum need { NEED_NONE, NEED_REQUIRED, NEED_WANTED, NEED_FORCED, NEED_NEVER };

static const struct { uint8_t word, bit, need; const char *name; } control[] = {
#define CONTROL(word, name, bit, l0, l1) { WORD_##word, bit, NEED_##l0, #name },
#include <caps/vmx_control.def>
#undef CONTROL
};

#define CPUID_1_ECX_VMX      (1u << 5)
#define FEATURE_LOCK         (1u << 0)
#define FEATURE_VMX          (1u << 2)   // VMXON outside SMX operation
#define BASIC_TRUE_CONTROLS  (1ull << 55)
#define BASIC_MEMORY_TYPE_WB (6ull << 50)
#define BASIC_MEMORY_TYPE    (15ull << 50)
#define MISC_WRITE_ANY_FIELD (1u << 29)

// IA32_VMX_EPT_VPID_CAP. Required: 4-level walks, write-back tables, INVEPT, of all contexts, INVVPID, of a single context.
#define EPT_CAPS_REQUIRED    (1ull << 6 | 1ull << 14 | 1ull << 20 | 1ull << 26 | 1ull << 32 | 1ull << 41)
#define EPT_CAP_EXECUTE_ONLY (1u << 0)
#define EPT_CAP_2M           (1u << 16)
#define EPT_CAP_1G           (1u << 17)

static struct vmx_caps boot_caps;
const struct vmx_caps *vmx_caps;

static enum status refuse(const char **why, const char *what)
{
    *why = what;
    return STATUS_UNSUPPORTED;
}

// Locks VMX on where the firmware left that open.
static enum status feature_control_on(const char **why, uint64_t *value)
{
    *value = msr_read(MSR_FEATURE_CONTROL);
    if (!(*value & FEATURE_LOCK)) {
        *value |= FEATURE_LOCK | FEATURE_VMX;
        msr_write(MSR_FEATURE_CONTROL, *value);
    }
    if (!(*value & FEATURE_VMX))
        return refuse(why, "VT-x is locked off by the firmware (IA32_FEATURE_CONTROL)");
    return STATUS_OK;
}

// IA32_VMX_BASIC to VMCS_ENUM exist always, the others depend on these.
static void read_msrs(struct vmx_caps *caps)
{
    bool exact_controls = false;
    for (unsigned i = 0; i < VMX_MSR_COUNT; i++) {
        uint32_t proc2 = (uint32_t)(caps->msr[11] >> 32);
        exact_controls = caps->msr[VMX_CAP_BASIC] & BASIC_TRUE_CONTROLS;
        if (i <= 10 || (i == 11 && caps->msr[2] >> (32 + 31) & 1) || (i == 12 && proc2 & (PROC2_ENABLE_EPT | PROC2_ENABLE_VPID)) ||
            (i >= 13 && i <= 16 && exact_controls) || (i == 17 && proc2 & PROC2_ENABLE_VMFUNC))
            caps->msr[i] = msr_read(MSR_VMX_BASIC + i);
    }
    static const uint8_t plain[WORD_COUNT] = { 1, 2, 11, 3, 4 }, exact[WORD_COUNT] = { 13, 14, 11, 15, 16 };
    for (unsigned w = 0; w < WORD_COUNT; w++) {
        uint64_t msr = caps->msr[exact_controls ? exact[w] : plain[w]];
        caps->allowed0[w] = (uint32_t)msr;
        caps->allowed1[w] = (uint32_t)(msr >> 32);
    }
}

static enum status choose_controls(struct vmx_caps *caps, const char **why)
{
    for (unsigned i = 0; i < sizeof(control) / sizeof(control[0]); i++) {
        unsigned w = control[i].word;
        uint32_t bit = 1u << control[i].bit;
        bool has = caps->allowed1[w] & bit;
        enum need need = control[i].need;
        if ((need == NEED_REQUIRED || need == NEED_FORCED) && !has) {
            static char text[80];
            log_format(text, sizeof(text), "the CPU lacks the VMX control %s", control[i].name);
            return refuse(why, text);
        }
        if (need == NEED_FORCED)
            caps->forced1[w] |= bit;
        if (need == NEED_NEVER)
            caps->forced0[w] |= bit;
        if (need == NEED_REQUIRED || need == NEED_FORCED || (need == NEED_WANTED && has))
            caps->vmcs01[w] |= bit;
    }
    caps->vmcs01[WORD_PROC] &= ~PROC_MONITOR_TRAP_FLAG;  // only while something is stepped
    for (unsigned w = 0; w < WORD_COUNT; w++)
        caps->vmcs01[w] |= caps->allowed0[w];
    return STATUS_OK;
}

static enum status look(struct vmx_caps *caps, const char **why)
{
    if (!(cpuid_read(1, 0).ecx & CPUID_1_ECX_VMX))
        return refuse(why, "the CPU has no VT-x");
    if (cr4_read() & CR4_LA57)
        return refuse(why, "the firmware uses 5-level paging");
    read_msrs(caps);
    TRY(choose_controls(caps, why));
    uint64_t ept = caps->msr[VMX_CAP_EPT_VPID];
    if ((ept & EPT_CAPS_REQUIRED) != EPT_CAPS_REQUIRED)
        return refuse(why, "the CPU's EPT lacks 4-level write-back tables, INVEPT of all contexts or INVVPID of one");
    caps->ept_execute_only = ept & EPT_CAP_EXECUTE_ONLY;
    caps->ept_2m = ept & EPT_CAP_2M;
    caps->ept_1g = ept & EPT_CAP_1G;
    if ((caps->msr[VMX_CAP_BASIC] & BASIC_MEMORY_TYPE) != BASIC_MEMORY_TYPE_WB)
        return refuse(why, "the CPU's VMCSs are not write-back");
    caps->revision = (uint32_t)caps->msr[VMX_CAP_BASIC] & 0x7fffffff;
    caps->physical_bits = cpuid_read(0x80000008, 0).eax & 0xff;
    caps->cr0_fixed0 = caps->msr[VMX_CAP_CR0_FIXED0] & ~(CR0_PE | CR0_PG);
    caps->cr4_fixed0 = caps->msr[VMX_CAP_CR4_FIXED0];
    caps->cr4_supported = caps->msr[VMX_CAP_CR4_FIXED1];
    caps->shadowing = caps->allowed1[WORD_PROC2] & PROC2_VMCS_SHADOWING;
    caps->write_any_field = caps->msr[VMX_CAP_MISC] & MISC_WRITE_ANY_FIELD;
    return feature_control_on(why, &caps->feature_control);
}

enum status vmx_caps_detect(const char **why)
{
    if (!vmx_caps) {
        TRY(look(&boot_caps, why));
        vmx_caps = &boot_caps;
        return STATUS_OK;
    }
    static struct vmx_caps other;  // the caller has the boot lock
    memory_fill(&other, 0, sizeof(other));
    TRY(look(&other, why));
    if (memcmp(&other, &boot_caps, sizeof(other)))
        return refuse(why, "this CPU's VMX differs from the boot CPU's");
    return STATUS_OK;
}

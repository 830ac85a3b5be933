// SPDX-License-Identifier: BSD-2-Clause
// The capability MSRs: the CPU's own, less what L1 isn't offered (column l1 of vmx_control.def).

#include <rt/info.h>
#include <rt/reply.h>

#include "cpu.h"
#include "inject.h"
#include "vmcap.h"
#include "vmfunc.h"

enum {
    BASIC, PIN, PROC, EXIT, ENTRY, MISC, CR0_FIXED0, CR0_FIXED1, CR4_FIXED0, CR4_FIXED1, ENUM, PROC2, EPT_VPID,
    TRUE_PIN, TRUE_PROC, TRUE_EXIT, TRUE_ENTRY, VMFUNC
};
_Static_assert(VMFUNC + 1 == VMX_MSR_COUNT, "one for each MSR");

#define BASIC_TRUE      (1ull << 55)
#define BASIC_ANY_ERROR_CODE (1ull << 56)
#define BASIC_KEPT      (BASIC_TRUE | 1ull << 48 | 1ull << 54 | BASIC_ANY_ERROR_CODE)  // 32-bit addresses, INS/OUTS information
#define BASIC_WRITEBACK (6ull << 50)
#define BASIC_REGION    (4096ull << 32)

// Bits that are 1 unless the TRUE MSRs say otherwise (SDM 3D A.2 "Reserved Controls and Default Settings").
static const uint32_t default1[WORD_COUNT] = {
    [WORD_PIN] = 0x00000016, [WORD_PROC] = 0x0401e172, [WORD_EXIT] = 0x00036dff, [WORD_ENTRY] = 0x000011ff,
};

static struct { uint32_t allowed1[WORD_COUNT], must1[WORD_COUNT]; uint64_t msr[VMX_MSR_COUNT]; } cap;

static uint32_t offered_controls(enum control_word word)
{
    uint32_t bits = 0;
#define CONTROL(control_word, name, bit, l0, l1) \
    if (word == WORD_##control_word && (l1))     \
        bits |= 1u << (bit);
#include <caps/vmx_control.def>
#undef CONTROL
    return bits;
}

static void word_init(enum control_word word, unsigned plain, unsigned exact)
{
    const bool has_true = info->vmx_msr[BASIC] & BASIC_TRUE;
    const uint64_t msr = info->vmx_msr[has_true ? exact : plain];
    cap.allowed1[word] = ((uint32_t)(msr >> 32) & offered_controls(word)) | default1[word];
    cap.must1[word] = (has_true ? (uint32_t)msr : default1[word]) & cap.allowed1[word];
    cap.msr[exact] = has_true ? (uint64_t)cap.allowed1[word] << 32 | cap.must1[word] : 0;
    cap.msr[plain] = (uint64_t)cap.allowed1[word] << 32 | cap.must1[word] | default1[word];
}

// The largest index of an encoding that L1 has (SDM 3D A.9 "VMCS Enumeration").
static uint64_t highest_index(void)
{
    uint64_t highest = 0;
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        const uint64_t index = (vmcs_field_info[field].encoding >> 1) & 0x1ff;
        if (vmcs_feature_exists((enum vmcs_feature)vmcs_field_info[field].feature, cap.allowed1) && index > highest)
            highest = index;
    }
    return highest << 1;
}

void vmcap_init(void)
{
    const uint64_t *hardware = info->vmx_msr;

    word_init(WORD_PIN, PIN, TRUE_PIN);
    word_init(WORD_PROC, PROC, TRUE_PROC);
    word_init(WORD_EXIT, EXIT, TRUE_EXIT);
    word_init(WORD_ENTRY, ENTRY, TRUE_ENTRY);
    if (cap.allowed1[WORD_PROC] & PROC_SECONDARY_CONTROLS)
        cap.allowed1[WORD_PROC2] = (uint32_t)(hardware[PROC2] >> 32) & offered_controls(WORD_PROC2);
    // `ept` has to know whether a fetch was from a user-mode linear address.
    if (!(hardware[EPT_VPID] & EPT_CAP_ADVANCED))
        cap.allowed1[WORD_PROC2] &= ~(uint32_t)PROC2_MODE_BASED_EXECUTE;

    cap.msr[BASIC] = VMCS12_REVISION | BASIC_REGION | BASIC_WRITEBACK | (hardware[BASIC] & BASIC_KEPT);
    // Bits 4:0 timer rate, 5 LMA, 8:6 activity states, 24:16 CR3 targets, 29, 30.
    // MSR lists of 512 entries, no SMM, no MSEG.
    cap.msr[MISC] = hardware[MISC] & 0x61ff01ffull;
    for (unsigned i = CR0_FIXED0; i <= CR4_FIXED1; i++)
        cap.msr[i] = hardware[i];
    cap.msr[ENUM] = highest_index();
    cap.msr[PROC2] = (uint64_t)cap.allowed1[WORD_PROC2] << 32;
    if (cap.allowed1[WORD_PROC2] & PROC2_ENABLE_EPT)
        cap.msr[EPT_VPID] |= hardware[EPT_VPID] & (EPT_CAP_EXECUTE_ONLY | EPT_CAP_WALK_4 | EPT_CAP_UC | EPT_CAP_WB | EPT_CAP_2M |
                                                   EPT_CAP_1G | EPT_CAP_INVEPT | EPT_CAP_FLAGS | EPT_CAP_ADVANCED | EPT_CAP_INVEPT_ONE | EPT_CAP_INVEPT_ALL);
    if ((cap.allowed1[WORD_PROC2] & (PROC2_ENABLE_EPT | PROC2_ENABLE_VMFUNC)) == (PROC2_ENABLE_EPT | PROC2_ENABLE_VMFUNC))
        cap.msr[VMFUNC] = hardware[VMFUNC] & VMFUNC_EPTP_SWITCHING;
    if (cap.allowed1[WORD_PROC2] & PROC2_ENABLE_VPID)
        cap.msr[EPT_VPID] |= hardware[EPT_VPID] & (VPID_CAP_INVVPID | VPID_CAP_TYPE(0) | VPID_CAP_TYPE(1) | VPID_CAP_TYPE(2) | VPID_CAP_TYPE(3));
}

bool vmcap_msr(uint32_t msr, uint64_t *value)
{
    const unsigned index = msr - MSR_VMX_FIRST;
    if (index >= VMX_MSR_COUNT)
        return false;
    if (index >= TRUE_PIN && index <= TRUE_ENTRY && !(cap.msr[BASIC] & BASIC_TRUE))
        return false;
    if (index == PROC2 && !(cap.allowed1[WORD_PROC] & PROC_SECONDARY_CONTROLS))
        return false;
    if (index == EPT_VPID && !(cap.allowed1[WORD_PROC2] & (PROC2_ENABLE_EPT | PROC2_ENABLE_VPID)))
        return false;
    if (index == VMFUNC && !(cap.allowed1[WORD_PROC2] & PROC2_ENABLE_VMFUNC))
        return false;
    *value = cap.msr[index];
    return true;
}

uint32_t vmcap_allowed1(enum control_word word) { return cap.allowed1[word]; }
uint32_t vmcap_must1(enum control_word word) { return cap.must1[word]; }
uint64_t vmcap_misc(void) { return cap.msr[MISC]; }
uint64_t vmcap_vmfunc(void) { return cap.msr[VMFUNC]; }
uint64_t vmcap_ept(void) { return cap.msr[EPT_VPID]; }
bool vmcap_error_codes_free(void) { return cap.msr[BASIC] & BASIC_ANY_ERROR_CODE; }

bool vmcap_controls_ok(enum control_word word, uint64_t value)
{
    return (value & ~(uint64_t)cap.allowed1[word]) == 0 && (~value & cap.must1[word]) == 0;
}

bool vmcap_cr0_ok(uint64_t cr0, uint64_t ignore)
{
    return (~cr0 & cap.msr[CR0_FIXED0] & ~ignore) == 0 && (cr0 & ~cap.msr[CR0_FIXED1]) == 0;
}

bool vmcap_cr4_ok(uint64_t cr4)
{
    return (~cr4 & cap.msr[CR4_FIXED0]) == 0 && (cr4 & ~cap.msr[CR4_FIXED1]) == 0;
}

void vmcap_rdmsr(struct message *m)
{
    const uint32_t msr = (uint32_t)m->req->gpr[GPR_RCX];
    uint64_t value = 0;

    if (msr == MSR_FEATURE_CONTROL)
        value = vmx_cpu_feature_control(m->cpu);
    else if (!vmcap_msr(msr, &value)) {
        inject_gp(m);
        return;
    }
    reply_gpr(m->rep, GPR_RAX, value & 0xffffffff);
    reply_gpr(m->rep, GPR_RDX, value >> 32);
    reply_advance(m->rep);
}

void vmcap_wrmsr(struct message *m)
{
    const uint32_t msr = (uint32_t)m->req->gpr[GPR_RCX];
    const uint64_t value = (m->req->gpr[GPR_RAX] & 0xffffffff) | m->req->gpr[GPR_RDX] << 32;

    // The capability MSRs are read-only. SMX, SGX and LMCE aren't offered: their bits are reserved.
    if (msr != MSR_FEATURE_CONTROL || (vmx_cpu_feature_control(m->cpu) & FEATURE_CONTROL_LOCK) ||
        (value & ~(FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON))) {
        inject_gp(m);
        return;
    }
    vmx_cpu_set_feature_control(m->cpu, value);
    reply_advance(m->rep);
}

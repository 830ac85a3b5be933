// SPDX-License-Identifier: BSD-2-Clause
// Which exits of L2 L1 asked for: one table, and a function where a control bit doesn't say it all.

#include <caps/exit_reason.h>
#include <rt/reply.h>

#include "bitmap.h"
#include "event.h"
#include "link.h"
#include "vmcs02.h"
#include "wanted.h"
#include "x86.h"

#define BLOCKING_BY_NMI 8u

bool wanted_exception(const struct vmcs12 *v, unsigned vector, uint64_t error)
{
    const bool in_bitmap = (vmcs12_get(v, VMCS_EXCEPTION_BITMAP) >> vector) & 1;
    if (vector != VECTOR_PF)
        return in_bitmap;
    // A #PF that doesn't match reverses the bit's meaning.
    const bool match = (error & vmcs12_get(v, VMCS_PF_ERROR_MASK)) == vmcs12_get(v, VMCS_PF_ERROR_MATCH);
    return in_bitmap == match;
}

static bool exception(const struct message *m, const struct vmcs12 *v)
{
    const uint64_t info = exit_field(m, VMCS_EXIT_INTR_INFO);
    if (event_is_nmi(info))
        return vmcs12_pin(v, PIN_NMI_EXITING) && !(event_blocks_really(v) && (vmcs12_get(v, VMCS_GUEST_INTERRUPTIBILITY) & BLOCKING_BY_NMI));
    return wanted_exception(v, info & 31, exit_field(m, VMCS_EXIT_INTR_ERROR));
}

static bool rdmsr(const struct message *m, const struct vmcs12 *v)
{
    return bitmap_msr_wanted(vmcs02_of(v), (uint32_t)m->req->gpr[GPR_RCX], false);
}

static bool wrmsr(const struct message *m, const struct vmcs12 *v)
{
    return bitmap_msr_wanted(vmcs02_of(v), (uint32_t)m->req->gpr[GPR_RCX], true);
}

static bool io(const struct message *m, const struct vmcs12 *v)
{
    const uint64_t qualification = exit_field(m, VMCS_EXIT_QUALIFICATION);
    return bitmap_io_wanted(v, IO_PORT(qualification), IO_BYTES(qualification));
}

static bool cr3_load(const struct vmcs12 *v, uint64_t value)
{
    if (!vmcs12_proc(v, PROC_CR3_LOAD_EXITING))
        return false;
    const uint64_t count = vmcs12_get(v, VMCS_CR3_TARGET_COUNT);
    for (unsigned i = 0; i < count && i < 4; i++) {
        if (vmcs12_get(v, (enum vmcs_field)(VMCS_CR3_TARGET0 + i)) == value)
            return false;
    }
    return true;
}

// A write to CR0 or CR4 exits where it would change a bit that VMCS12's mask gives to L1.
static bool cr_write(const struct vmcs12 *v, enum vmcs_field mask, enum vmcs_field shadow, uint64_t value)
{
    return (value ^ vmcs12_get(v, shadow)) & vmcs12_get(v, mask);
}

static bool mov_to_cr(const struct vmcs12 *v, unsigned cr, uint64_t value)
{
    switch (cr) {
    case 0: return cr_write(v, VMCS_CR0_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW, value);
    case 3: return cr3_load(v, value);
    case 4: return cr_write(v, VMCS_CR4_GUEST_HOST_MASK, VMCS_CR4_READ_SHADOW, value);
    case 8: return vmcs12_proc(v, PROC_CR8_LOAD_EXITING);
    default: return true;
    }
}

// SDM 3C table "Exit Qualification for Control-Register Accesses".
static bool cr_access(const struct message *m, const struct vmcs12 *v)
{
    const uint64_t qualification = exit_field(m, VMCS_EXIT_QUALIFICATION), cr0_mask = vmcs12_get(v, VMCS_CR0_GUEST_HOST_MASK);
    const uint64_t cr0_shadow = vmcs12_get(v, VMCS_CR0_READ_SHADOW);
    const unsigned cr = qualification & 15, number = (qualification >> 8) & 15;
    const uint64_t value = number == GPR_RSP ? exit_field(m, VMCS_GUEST_RSP) : m->req->gpr[number];

    switch ((qualification >> 4) & 3) {
    case 0:
        return mov_to_cr(v, cr, value);
    case 1:  // MOV from CR
        return cr == 3 ? vmcs12_proc(v, PROC_CR3_STORE_EXITING) : cr == 8 ? vmcs12_proc(v, PROC_CR8_STORE_EXITING) : true;
    case 2:  // CLTS
        return cr0_mask & cr0_shadow & CR0_TS;
    default: {  // LMSW: PE can be set, not cleared
        const uint64_t data = (qualification >> 16) & 0xffff, low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
        if ((cr0_mask & CR0_PE) && (data & CR0_PE) && !(cr0_shadow & CR0_PE))
            return true;
        return (data ^ cr0_shadow) & cr0_mask & low & ~CR0_PE;
    }
    }
}

static bool pause(const struct message *m, const struct vmcs12 *v)
{
    (void)m;
    return vmcs12_proc(v, PROC_PAUSE_EXITING) || vmcs12_proc2(v, PROC2_PAUSE_LOOP_EXITING);
}

static bool apic_write(const struct message *m, const struct vmcs12 *v)
{
    (void)m;
    return vmcs12_proc2(v, PROC2_APIC_REGISTER_VIRT) || vmcs12_proc2(v, PROC2_VIRTUAL_INTERRUPT_DELIVERY);
}

static bool never(const struct message *m, const struct vmcs12 *v)
{
    (void)m;
    (void)v;
    return false;
}

static bool in_word(const struct vmcs12 *v, unsigned word, uint32_t bit)
{
    switch (word) {
    case WORD_PIN: return vmcs12_pin(v, bit);
    case WORD_PROC: return vmcs12_proc(v, bit);
    default: return vmcs12_proc2(v, bit);
    }
}

// bit: the control that asks for the exit; function: what decides instead; neither: the exit is always L1's.
struct rule { uint8_t word; uint32_t bit; bool (*function)(const struct message *m, const struct vmcs12 *v); };

// The controls' bit numbers, as constants that initialisers take.
enum {
#define CONTROL(word, name, bit, l0, l1) BIT_##word##_##name = bit,
#include <caps/vmx_control.def>
#undef CONTROL
};
#define BY_CONTROL(reason, word, name) [EXIT_##reason] = { WORD_##word, 1u << BIT_##word##_##name, NULL }
#define BY(reason, function)           [EXIT_##reason] = { 0, 0, function }

static const struct rule rules[EXIT_REASON_COUNT] = {
    BY(EXCEPTION_OR_NMI, exception),
    BY_CONTROL(EXTERNAL_INTERRUPT, PIN, EXTERNAL_INTERRUPT_EXITING),
    BY_CONTROL(INTERRUPT_WINDOW, PROC, INTERRUPT_WINDOW_EXITING),
    BY_CONTROL(NMI_WINDOW, PROC, NMI_WINDOW_EXITING),
    BY_CONTROL(HLT, PROC, HLT_EXITING),
    BY_CONTROL(INVLPG, PROC, INVLPG_EXITING),
    BY_CONTROL(RDPMC, PROC, RDPMC_EXITING),
    BY_CONTROL(RDTSC, PROC, RDTSC_EXITING),
    BY(VMREAD, link_wanted),
    BY(VMWRITE, link_wanted),
    BY(CR_ACCESS, cr_access),
    BY_CONTROL(DR_ACCESS, PROC, MOV_DR_EXITING),
    BY(IO, io),
    BY(RDMSR, rdmsr),
    BY(WRMSR, wrmsr),
    BY_CONTROL(MWAIT, PROC, MWAIT_EXITING),
    // MONITOR_TRAP: always L1's; an injected one exits without the control (SDM 3C 27.6.2 "Injection of Pending MTF VM Exits").
    BY_CONTROL(MONITOR, PROC, MONITOR_EXITING),
    BY(PAUSE, pause),
    BY_CONTROL(TPR_THRESHOLD, PROC, USE_TPR_SHADOW),
    BY_CONTROL(APIC_ACCESS, PROC2, VIRTUALIZE_APIC_ACCESSES),
    BY_CONTROL(VIRTUALIZED_EOI, PROC2, VIRTUAL_INTERRUPT_DELIVERY),
    BY_CONTROL(GDTR_IDTR, PROC2, DESCRIPTOR_TABLE_EXITING),
    BY_CONTROL(LDTR_TR, PROC2, DESCRIPTOR_TABLE_EXITING),
    BY_CONTROL(RDTSCP, PROC, RDTSC_EXITING),
    BY_CONTROL(PREEMPTION_TIMER, PIN, PREEMPTION_TIMER),
    BY_CONTROL(WBINVD, PROC2, WBINVD_EXITING),
    BY(APIC_WRITE, apic_write),
    BY_CONTROL(RDRAND, PROC2, RDRAND_EXITING),
    BY_CONTROL(INVPCID, PROC, INVLPG_EXITING),
    BY(VMFUNC, never),  // the handler says when
    BY_CONTROL(RDSEED, PROC2, RDSEED_EXITING),
    BY_CONTROL(XSAVES, PROC2, ENABLE_XSAVES),
    BY_CONTROL(XRSTORS, PROC2, ENABLE_XSAVES),
};

bool wanted(const struct message *m, const struct vmcs12 *v)
{
    const uint32_t reason = BASE_REASON(m);
    if (reason >= EXIT_REASON_COUNT)
        return true;
    const struct rule *rule = &rules[reason];
    if (rule->function != NULL)
        return rule->function(m, v);
    return rule->bit == 0 || in_word(v, rule->word, rule->bit);
}

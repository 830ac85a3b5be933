// SPDX-License-Identifier: BSD-2-Clause
// The values of VMCS02's fields.

#include <rt/info.h>
#include <rt/reply.h>

#include "cpu.h"
#include "entry_check.h"
#include "event.h"
#include "merge.h"
#include "vmcap.h"
#include "x86.h"

#define BLOCKING_BY_NMI     (1ull << 3)
#define TSC_MULTIPLIER_ONE  (1ull << 48)

static uint64_t force(enum control_word word, uint64_t controls)
{
    return (controls | info->forced1[word]) & ~info->forced0[word] & 0xffffffff;
}

static uint64_t proc_controls(const struct message *m, const struct vmcs12 *v)
{
    uint64_t controls = vmcs12_get(v, VMCS_PROC_CONTROLS);
    if (m->cpu->nmi_pending && !vmcs12_pin(v, PIN_NMI_EXITING))
        controls |= PROC_NMI_WINDOW_EXITING;
    return force(WORD_PROC, controls);
}

static uint64_t proc_controls2(const struct vmcs12 *v)
{
    uint64_t controls = vmcs12_proc(v, PROC_SECONDARY_CONTROLS) ? vmcs12_get(v, VMCS_PROC_CONTROLS2) : 0;
    // EPT02 is always there; that doesn't give an L2 without EPT12 the right to turn paging off.
    if (!(controls & PROC2_ENABLE_EPT))
        controls &= ~(uint64_t)PROC2_UNRESTRICTED_GUEST;
    return force(WORD_PROC2, controls);
}

// The timer goes on over exits that L0 resolves: VMCS02 always saves it. VMCS12's value is loaded again at L1's next entry (exit.c).
static uint64_t exit_controls(const struct vmcs12 *v)
{
    uint64_t controls = vmcs12_get(v, VMCS_EXIT_CONTROLS);
    if (vmcs12_pin(v, PIN_PREEMPTION_TIMER))
        controls |= EXIT_SAVE_PREEMPTION_TIMER & vmcap_allowed1(WORD_EXIT);
    return force(WORD_EXIT, controls);
}

uint64_t merge_efer(const struct vmcs12 *v, uint64_t l1_efer)
{
    uint64_t efer = l1_efer & ~EFER_LMA;
    if (vmcs12_entry(v, ENTRY_GUEST_IA32E))
        return efer | EFER_LMA | EFER_LME;
    return vmcs12_get(v, VMCS_GUEST_CR0) & CR0_PG ? efer & ~EFER_LME : efer;
}

// L0 uses virtual NMIs always. Without them an NMI can be injected while NMIs are blocked (SDM 3C 27.3.1.5 forbids it only with them).
static uint64_t interruptibility(const struct vmcs12 *v)
{
    const uint64_t event = vmcs12_get(v, VMCS_ENTRY_INTR_INFO), value = vmcs12_get(v, VMCS_GUEST_INTERRUPTIBILITY);
    const bool nmi = (event & (EVENT_VALID | 0x700)) == (EVENT_VALID | EVENT_TYPE_NMI);
    return (nmi && !vmcs12_pin(v, PIN_VIRTUAL_NMIS)) || event_blocks_really(v) ? value & ~BLOCKING_BY_NMI : value;
}

// Without EPT12 a CPU reads the PDPTEs from memory at the entry; EPT02 makes it take them from the VMCS.
static uint64_t pdpte(const struct vmcs12 *v, unsigned index)
{
    uint64_t values[4] = { 0 };
    if (vmcs12_proc2(v, PROC2_ENABLE_EPT))
        return vmcs12_get(v, (enum vmcs_field)(VMCS_GUEST_PDPTE0 + index));
    return guest_is_pae(v) && pdptes_read(vmcs12_get(v, VMCS_GUEST_CR3), values) ? values[index] : 0;
}

uint64_t merge_value(const struct message *m, const struct vmcs12 *v, const struct l1_registers *l1, enum vmcs_field field)
{
    switch (field) {
    case VMCS_PIN_CONTROLS:
        return force(WORD_PIN, vmcs12_get(v, field));
    case VMCS_PROC_CONTROLS:
        return proc_controls(m, v);
    case VMCS_PROC_CONTROLS2:
        return proc_controls2(v);
    case VMCS_EXIT_CONTROLS:
        return exit_controls(v);
    case VMCS_ENTRY_CONTROLS:
        return force(WORD_ENTRY, vmcs12_get(v, field));
    case VMCS_TSC_OFFSET:
        return vmcs12_proc(v, PROC_USE_TSC_OFFSETTING) ? vmcs12_get(v, field) : 0;
    case VMCS_TSC_MULTIPLIER:
        return vmcs12_proc2(v, PROC2_USE_TSC_SCALING) ? vmcs12_get(v, field) : TSC_MULTIPLIER_ONE;
    case VMCS_VIRTUAL_APIC_ADDR:
        return vmcs12_proc(v, PROC_USE_TPR_SHADOW) ? vmcs12_get(v, field) : 0;
    case VMCS_APIC_ACCESS_ADDR:
        return vmcs12_proc2(v, PROC2_VIRTUALIZE_APIC_ACCESSES) ? vmcs12_get(v, field) : 0;
    case VMCS_GUEST_INTERRUPTIBILITY:
        return interruptibility(v);
    case VMCS_GUEST_PDPTE0:
    case VMCS_GUEST_PDPTE1:
    case VMCS_GUEST_PDPTE2:
    case VMCS_GUEST_PDPTE3:
        return pdpte(v, (unsigned)(field - VMCS_GUEST_PDPTE0));
    case VMCS_GUEST_EFER:
        return l1->groups & GROUP_EFER ? merge_efer(v, l1->efer) : vmcs12_get(v, field);
    case VMCS_GUEST_PAT:
        return l1->groups & GROUP_PAT ? l1->pat : vmcs12_get(v, field);
    case VMCS_GUEST_DR7:
        return l1->groups & GROUP_DEBUG ? l1->dr7 : vmcs12_get(v, field);
    case VMCS_GUEST_DEBUGCTL:
        return l1->groups & GROUP_DEBUG ? l1->debugctl : vmcs12_get(v, field);
    default:
        return vmcs12_get(v, field);
    }
}

// The controls' bit numbers, as constants that initialisers take.
enum {
#define CONTROL(word, name, bit, l0, l1) BIT_##word##_##name = bit,
#include <caps/vmx_control.def>
#undef CONTROL
};

uint64_t merge_affected(enum vmcs_field field, uint64_t changed_bits)
{
    static const struct { enum vmcs_field field; unsigned bit, group; } depends[] = {
        { VMCS_PIN_CONTROLS, BIT_PIN_NMI_EXITING, GROUP_INDEX_BLOCKING },
        { VMCS_PIN_CONTROLS, BIT_PIN_VIRTUAL_NMIS, GROUP_INDEX_BLOCKING },
        { VMCS_PROC_CONTROLS, BIT_PROC_USE_TSC_OFFSETTING, GROUP_INDEX_TSC },
        { VMCS_PROC_CONTROLS, BIT_PROC_USE_TPR_SHADOW, GROUP_INDEX_APIC },
        { VMCS_PROC_CONTROLS, BIT_PROC_SECONDARY_CONTROLS, GROUP_INDEX_APIC },
        { VMCS_PROC_CONTROLS, BIT_PROC_SECONDARY_CONTROLS, GROUP_INDEX_PDPTE },
        { VMCS_PROC_CONTROLS, BIT_PROC_SECONDARY_CONTROLS, GROUP_INDEX_TSC },
        { VMCS_PROC_CONTROLS2, BIT_PROC2_USE_TSC_SCALING, GROUP_INDEX_TSC },
        { VMCS_PROC_CONTROLS2, BIT_PROC2_VIRTUALIZE_APIC_ACCESSES, GROUP_INDEX_APIC },
        { VMCS_PROC_CONTROLS2, BIT_PROC2_ENABLE_EPT, GROUP_INDEX_PDPTE },
        { VMCS_ENTRY_CONTROLS, BIT_ENTRY_LOAD_DEBUG_CONTROLS, GROUP_INDEX_DEBUG },
        { VMCS_ENTRY_CONTROLS, BIT_ENTRY_GUEST_IA32E, GROUP_INDEX_EFER },
        { VMCS_ENTRY_CONTROLS, BIT_ENTRY_LOAD_GUEST_EFER, GROUP_INDEX_EFER },
        { VMCS_ENTRY_CONTROLS, BIT_ENTRY_LOAD_GUEST_PAT, GROUP_INDEX_PAT },
    };
    uint64_t groups = 0;
    for (unsigned i = 0; i < sizeof(depends) / sizeof(depends[0]); i++) {
        if (depends[i].field == field && ((changed_bits >> depends[i].bit) & 1))
            groups |= 1ull << depends[i].group;
    }
    return groups;
}

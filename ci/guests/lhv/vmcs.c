// SPDX-License-Identifier: BSD-2-Clause
// The VMCS that every test starts with.

#include <caps/addr.h>

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "options.h"
#include "trap.h"
#include "vmcs.h"
#include "vmx.h"

#define BASIC_TRUE_CONTROLS (1ull << 55)

uint64_t vmcs_read(enum vmcs_field field)
{
    uint64_t value = 0;
    const int outcome = vmx_vmread_raw(vmcs_field_info[field].encoding, &value);
    if (outcome != 0)
        test_fail("VMREAD of a field that exists", vmcs_field_info[field].encoding, (uint64_t)outcome);
    return value;
}

void vmcs_write(enum vmcs_field field, uint64_t value)
{
    const int outcome = vmx_vmwrite_raw(vmcs_field_info[field].encoding, value);
    if (outcome != 0)
        test_fail("VMWRITE of a field that exists", vmcs_field_info[field].encoding, (uint64_t)outcome);
}

static uint64_t control_msr(enum control_word word)
{
    static const uint32_t msr[WORD_COUNT] = { 0x481, 0x482, MSR_VMX_PROC2, 0x483, 0x484 };
    if (word == WORD_PROC2)
        return HAS(PROC, SECONDARY_CONTROLS) ? msr_read(MSR_VMX_PROC2) : 0;
    // The TRUE MSRs follow 12 further on.
    return msr_read(msr[word] + (msr_read(MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS ? 12 : 0));
}

uint32_t control_allowed1(enum control_word word) { return (uint32_t)(control_msr(word) >> 32); }
uint32_t control_must1(enum control_word word) { return (uint32_t)control_msr(word); }

enum vmcs_field control_field(enum control_word word)
{
    static const enum vmcs_field field[WORD_COUNT] = { VMCS_PIN_CONTROLS, VMCS_PROC_CONTROLS, VMCS_PROC_CONTROLS2, VMCS_EXIT_CONTROLS,
                                                       VMCS_ENTRY_CONTROLS };
    return field[word];
}

bool vmcs_has(enum vmcs_field field)
{
    uint32_t allowed1[WORD_COUNT];
    for (unsigned word = 0; word < WORD_COUNT; word++)
        allowed1[word] = control_allowed1((enum control_word)word);
    return vmcs_feature_exists((enum vmcs_feature)vmcs_field_info[field].feature, allowed1);
}

void control_need(enum control_word word, uint32_t bit, const char *name)
{
    if (!(control_allowed1(word) & bit))
        test_skip(name);
    vmcs_write(control_field(word), vmcs_read(control_field(word)) | bit);
}

static void write_controls(struct cpu *c)
{
    W(PIN_CONTROLS, control_must1(WORD_PIN));
    W(PROC_CONTROLS, control_must1(WORD_PROC) | (HAS(PROC, SECONDARY_CONTROLS) ? PROC_SECONDARY_CONTROLS : 0));
    W(EXIT_CONTROLS, control_must1(WORD_EXIT) | EXIT_HOST_64_BIT);
    W(ENTRY_CONTROLS, control_must1(WORD_ENTRY) | ENTRY_GUEST_IA32E);
    if (HAS(PROC, SECONDARY_CONTROLS)) {
        uint32_t second = 0;
        if (HAS(PROC2, ENABLE_EPT)) {
            W(EPTP, ept12_pointer(c));
            second |= options.no_ept ? 0 : PROC2_ENABLE_EPT;
        }
        if (HAS(PROC2, ENABLE_VPID)) {
            W(VPID, 1 + c->index);
            second |= options.no_vpid ? 0 : PROC2_ENABLE_VPID;
        }
        W(PROC_CONTROLS2, second);
    }
    W(VMCS_LINK_POINTER, ~0ull);
    static const enum vmcs_field zero[] = { VMCS_EXCEPTION_BITMAP, VMCS_PF_ERROR_MASK, VMCS_PF_ERROR_MATCH, VMCS_CR3_TARGET_COUNT,
        VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_INTR_INFO, VMCS_CR0_GUEST_HOST_MASK,
        VMCS_CR4_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW, VMCS_CR4_READ_SHADOW, VMCS_TSC_OFFSET };
    for (unsigned i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
        vmcs_write(zero[i], 0);
}

static void write_host(struct cpu *c)
{
    W(HOST_CR0, cr0_read());
    W(HOST_CR3, cr3_read());
    W(HOST_CR4, cr4_read());
    for (unsigned field = VMCS_HOST_ES_SELECTOR; field <= VMCS_HOST_GS_SELECTOR; field++)
        vmcs_write((enum vmcs_field)field, field == VMCS_HOST_CS_SELECTOR ? SELECTOR_CODE : SELECTOR_DATA);
    W(HOST_TR_SELECTOR, SELECTOR_TASK);
    W(HOST_TR_BASE, address(c->task));
    W(HOST_GDTR_BASE, address(c->gdt));
    W(HOST_IDTR_BASE, address(trap_idt));
    W(HOST_FS_BASE, 0);
    W(HOST_GS_BASE, address(c));
    W(HOST_SYSENTER_CS, 0);
    W(HOST_SYSENTER_ESP, 0);
    W(HOST_SYSENTER_EIP, 0);
    W(HOST_RSP, address(c->exit_stack));
    W(HOST_RIP, CODE(l2_exit));
}

static void write_guest(struct cpu *c)
{
    W(GUEST_CR0, cr0_read());
    W(GUEST_CR3, cr3_read());
    W(GUEST_CR4, cr4_read());
    W(GUEST_DR7, 0x400);
    W(GUEST_RFLAGS, FLAG_FIXED);
    W(GUEST_RSP, address(c->l2_stack) - 8);  // as if called
    W(GUEST_RIP, 0);
    W(GUEST_DEBUGCTL, 0);
    W(GUEST_PENDING_DEBUG, 0);
    W(GUEST_INTERRUPTIBILITY, 0);
    W(GUEST_ACTIVITY_STATE, ACTIVE);
    // ES to GS lie one after the other in each class of fields.
    for (unsigned i = 0; i < 6; i++) {
        const bool code = i == VMCS_GUEST_CS_SELECTOR - VMCS_GUEST_ES_SELECTOR;
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SELECTOR + i), code ? SELECTOR_CODE : SELECTOR_DATA);
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + i), 0xffffffff);
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), code ? RIGHTS_CODE64 : RIGHTS_DATA);
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_BASE + i), 0);
    }
    W(GUEST_GS_BASE, address(c));
    W(GUEST_LDTR_SELECTOR, 0);
    W(GUEST_LDTR_LIMIT, 0);
    W(GUEST_LDTR_ACCESS_RIGHTS, RIGHTS_UNUSABLE);
    W(GUEST_LDTR_BASE, 0);
    W(GUEST_TR_SELECTOR, SELECTOR_TASK);
    W(GUEST_TR_LIMIT, sizeof(c->task) - 1);
    W(GUEST_TR_ACCESS_RIGHTS, RIGHTS_TASK);
    W(GUEST_TR_BASE, address(c->task));
    W(GUEST_GDTR_LIMIT, sizeof(c->gdt) - 1);
    W(GUEST_GDTR_BASE, address(c->gdt));
    W(GUEST_IDTR_LIMIT, sizeof(l2_idt) - 1);
    W(GUEST_IDTR_BASE, address(l2_idt));
    W(GUEST_SYSENTER_CS, 0);
    W(GUEST_SYSENTER_ESP, 0);
    W(GUEST_SYSENTER_EIP, 0);
}

void vmcs_use_region(struct cpu *c, uint32_t *region)
{
    int outcome = vmx_vmclear(address(region));
    // What the last test left is gone; VMMs prepare a region like that.
    for (unsigned i = 1; i < PAGE_BYTES / sizeof(uint32_t); i++)
        region[i] = 0;
    region[0] = (uint32_t)msr_read(MSR_VMX_BASIC) & 0x7fffffff;
    if (outcome == 0)
        outcome = vmx_vmptrld(address(region));
    if (outcome != 0)
        test_fail("VMCLEAR, VMPTRLD", (uint64_t)outcome, 0);
    c->launched = false;
    write_controls(c);
    write_host(c);
    write_guest(c);
}

void vmcs_use(struct cpu *c, unsigned index)
{
    vmcs_use_region(c, c->vmcs[index]);
    c->current = index;
}

void vmcs_fresh(struct cpu *c)
{
    for (unsigned i = 1; i < VMCS_MAX; i++)
        (void)vmx_vmclear(address(c->vmcs[i]));
    vmcs_use(c, 0);
}

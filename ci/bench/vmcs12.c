// SPDX-License-Identifier: BSD-2-Clause
// The VMCS' contents: controls as few as 64-bit code with EPT and VPID needs, debug registers and PAT switched; data segments null in the host. Both as KVM has it.

#include <caps/vmcs_feature.h>

#include "console.h"
#include "cpu_insn.h"
#include "l2.h"
#include "memory.h"
#include "trap.h"
#include "vmcs12.h"
#include "vmx_insn.h"

#define MSR_FEATURE_CONTROL 0x3a
#define FEATURE_LOCKED      1ull
#define FEATURE_VMXON       4ull
#define MSR_SYSENTER_CS     0x174
#define MSR_SYSENTER_ESP    0x175
#define MSR_SYSENTER_EIP    0x176
#define MSR_VMX_BASIC       0x480
#define MSR_VMX_CR0_FIXED0  0x486
#define MSR_VMX_CR0_FIXED1  0x487
#define MSR_VMX_CR4_FIXED0  0x488
#define MSR_VMX_CR4_FIXED1  0x489
#define MSR_VMX_PROC2       0x48b
#define MSR_PAT             0x277
#define MSR_FS_BASE         0xc0000100
#define MSR_GS_BASE         0xc0000101
#define BASIC_TRUE_CONTROLS (1ull << 55)
#define CR4_VMXE            (1ull << 13)
#define CPUID_VMX           (1u << 5)
#define RIGHTS_CODE64       0xa09b
#define RIGHTS_DATA         0xc093
#define RIGHTS_UNUSABLE     0x10000
#define RIGHTS_TASK_BUSY    0x8b
#define VPID12              1

static uint32_t *region;

uint64_t vmcs12_region(void) { return (uint64_t)(uintptr_t)region; }

uint64_t vmcs12_read(enum vmcs_field field)
{
    uint64_t value = 0;
    if (!vmread(field, &value))
        console_error("VMREAD of field", vmcs_field_info[field].encoding);
    return value;
}

void vmcs12_write(enum vmcs_field field, uint64_t value)
{
    if (!vmwrite(field, value))
        console_error("VMWRITE of field", vmcs_field_info[field].encoding);
}

// The wanted bits and those that must be 1; an end if a wanted one can't be (SDM 3D A.3 to A.5).
static void write_controls(enum vmcs_field field, uint32_t msr, uint32_t wanted)
{
    const uint64_t allowed = msr_read(msr);
    if (wanted & ~(uint32_t)(allowed >> 32))
        console_error("controls missing", wanted & ~(uint32_t)(allowed >> 32));
    vmcs12_write(field, wanted | (uint32_t)allowed);
}

static void turn_on(void)
{
    if (!(cpuid(1).ecx & CPUID_VMX))
        console_error("no VMX: CPUID.1:ECX", cpuid(1).ecx);
    const uint64_t feature = msr_read(MSR_FEATURE_CONTROL);
    if (!(feature & FEATURE_LOCKED))
        msr_write(MSR_FEATURE_CONTROL, feature | FEATURE_LOCKED | FEATURE_VMXON);
    else if (!(feature & FEATURE_VMXON))
        console_error("VMX locked off: IA32_FEATURE_CONTROL", feature);
    cr0_write((cr0_read() | msr_read(MSR_VMX_CR0_FIXED0)) & msr_read(MSR_VMX_CR0_FIXED1));
    cr4_write((cr4_read() | CR4_VMXE | msr_read(MSR_VMX_CR4_FIXED0)) & msr_read(MSR_VMX_CR4_FIXED1));

    uint32_t *vmxon_region = memory_pages(1);
    region = memory_pages(1);
    *vmxon_region = *region = (uint32_t)msr_read(MSR_VMX_BASIC) & 0x7fffffff;
    if (!vmxon((uint64_t)(uintptr_t)vmxon_region))
        console_error("VMXON", (uint64_t)(uintptr_t)vmxon_region);
    if (!vmclear(vmcs12_region()))
        console_error("VMCLEAR", vmcs12_region());
    if (!vmptrld(vmcs12_region()))
        console_error("VMPTRLD", vmcs12_region());
}

static void write_all_controls(uint64_t eptp)
{
    const uint32_t true_controls = msr_read(MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS ? 12 : 0;  // their MSRs follow 12 further on
    write_controls(VMCS_PIN_CONTROLS, 0x481 + true_controls, 0);
    write_controls(VMCS_PROC_CONTROLS, 0x482 + true_controls, PROC_SECONDARY_CONTROLS);
    write_controls(VMCS_PROC_CONTROLS2, MSR_VMX_PROC2, PROC2_ENABLE_EPT | PROC2_ENABLE_VPID);
    write_controls(VMCS_EXIT_CONTROLS, 0x483 + true_controls, EXIT_HOST_64_BIT | EXIT_SAVE_DEBUG_CONTROLS | EXIT_LOAD_PAT);
    write_controls(VMCS_ENTRY_CONTROLS, 0x484 + true_controls, ENTRY_GUEST_IA32E | ENTRY_LOAD_DEBUG_CONTROLS | ENTRY_LOAD_GUEST_PAT);
    vmcs12_write(VMCS_EPTP, eptp);
    vmcs12_write(VMCS_VPID, VPID12);
    vmcs12_write(VMCS_VMCS_LINK_POINTER, ~0ull);
    static const enum vmcs_field zero[] = { VMCS_EXCEPTION_BITMAP, VMCS_PF_ERROR_MASK, VMCS_PF_ERROR_MATCH, VMCS_CR3_TARGET_COUNT,
        VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_INTR_INFO, VMCS_CR0_GUEST_HOST_MASK,
        VMCS_CR4_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW, VMCS_CR4_READ_SHADOW, VMCS_TSC_OFFSET };
    for (unsigned i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
        vmcs12_write(zero[i], 0);
}

// What L1 goes on with at a VM exit; RSP and RIP are vm_run's business.
static void write_host(void)
{
    vmcs12_write(VMCS_HOST_CR0, cr0_read());
    vmcs12_write(VMCS_HOST_CR3, cr3_read());
    vmcs12_write(VMCS_HOST_CR4, cr4_read());
    vmcs12_write(VMCS_HOST_CS_SELECTOR, SELECTOR_CODE);
    vmcs12_write(VMCS_HOST_SS_SELECTOR, SELECTOR_DATA);
    vmcs12_write(VMCS_HOST_PAT, msr_read(MSR_PAT));
    static const enum vmcs_field null[] = { VMCS_HOST_ES_SELECTOR, VMCS_HOST_DS_SELECTOR, VMCS_HOST_FS_SELECTOR, VMCS_HOST_GS_SELECTOR };
    for (unsigned i = 0; i < sizeof(null) / sizeof(null[0]); i++)
        vmcs12_write(null[i], 0);
    vmcs12_write(VMCS_HOST_TR_SELECTOR, SELECTOR_TASK);
    vmcs12_write(VMCS_HOST_TR_BASE, trap_task_base());
    vmcs12_write(VMCS_HOST_GDTR_BASE, trap_gdt_base());
    vmcs12_write(VMCS_HOST_IDTR_BASE, trap_idt_base());
    vmcs12_write(VMCS_HOST_FS_BASE, msr_read(MSR_FS_BASE));
    vmcs12_write(VMCS_HOST_GS_BASE, msr_read(MSR_GS_BASE));
    vmcs12_write(VMCS_HOST_SYSENTER_CS, msr_read(MSR_SYSENTER_CS));
    vmcs12_write(VMCS_HOST_SYSENTER_ESP, msr_read(MSR_SYSENTER_ESP));
    vmcs12_write(VMCS_HOST_SYSENTER_EIP, msr_read(MSR_SYSENTER_EIP));
}

// L2 starts like L1 is now.
static void write_guest(void)
{
    vmcs12_write(VMCS_GUEST_CR0, cr0_read());
    vmcs12_write(VMCS_GUEST_CR3, cr3_read());
    vmcs12_write(VMCS_GUEST_CR4, cr4_read());
    vmcs12_write(VMCS_GUEST_DR7, 0x400);
    vmcs12_write(VMCS_GUEST_PAT, msr_read(MSR_PAT));
    vmcs12_write(VMCS_GUEST_RFLAGS, 2);
    vmcs12_write(VMCS_GUEST_DEBUGCTL, 0);
    vmcs12_write(VMCS_GUEST_PENDING_DEBUG, 0);
    vmcs12_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmcs12_write(VMCS_GUEST_ACTIVITY_STATE, 0);
    // ES to GS lie one after the other in each class of fields.
    for (unsigned i = 0; i < 6; i++) {
        const bool code = i == VMCS_GUEST_CS_SELECTOR - VMCS_GUEST_ES_SELECTOR;
        vmcs12_write((enum vmcs_field)(VMCS_GUEST_ES_SELECTOR + i), code ? SELECTOR_CODE : SELECTOR_DATA);
        vmcs12_write((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + i), 0xffffffff);
        vmcs12_write((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), code ? RIGHTS_CODE64 : RIGHTS_DATA);
        vmcs12_write((enum vmcs_field)(VMCS_GUEST_ES_BASE + i), 0);
    }
    vmcs12_write(VMCS_GUEST_FS_BASE, msr_read(MSR_FS_BASE));
    vmcs12_write(VMCS_GUEST_GS_BASE, msr_read(MSR_GS_BASE));
    vmcs12_write(VMCS_GUEST_LDTR_SELECTOR, 0);
    vmcs12_write(VMCS_GUEST_LDTR_LIMIT, 0);
    vmcs12_write(VMCS_GUEST_LDTR_ACCESS_RIGHTS, RIGHTS_UNUSABLE);
    vmcs12_write(VMCS_GUEST_LDTR_BASE, 0);
    vmcs12_write(VMCS_GUEST_TR_SELECTOR, SELECTOR_TASK);
    vmcs12_write(VMCS_GUEST_TR_LIMIT, TRAP_TASK_LIMIT);
    vmcs12_write(VMCS_GUEST_TR_ACCESS_RIGHTS, RIGHTS_TASK_BUSY);
    vmcs12_write(VMCS_GUEST_TR_BASE, trap_task_base());
    vmcs12_write(VMCS_GUEST_GDTR_LIMIT, TRAP_GDT_LIMIT);
    vmcs12_write(VMCS_GUEST_GDTR_BASE, trap_gdt_base());
    vmcs12_write(VMCS_GUEST_IDTR_LIMIT, TRAP_IDT_LIMIT);
    vmcs12_write(VMCS_GUEST_IDTR_BASE, trap_idt_base());
    vmcs12_write(VMCS_GUEST_SYSENTER_CS, msr_read(MSR_SYSENTER_CS));
    vmcs12_write(VMCS_GUEST_SYSENTER_ESP, msr_read(MSR_SYSENTER_ESP));
    vmcs12_write(VMCS_GUEST_SYSENTER_EIP, msr_read(MSR_SYSENTER_EIP));
}

void vmcs12_prepare(uint64_t eptp)
{
    turn_on();
    write_all_controls(eptp);
    write_host();
    write_guest();
}

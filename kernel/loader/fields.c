// SPDX-License-Identifier: BSD-2-Clause
// Lists of VMCS fields.
#include "fields.h"

#include <caps/vmcs_field.h>

#include "../cpu.h"
#include "../cr.h"
#include "../vmcs01.h"
#include "msr.h"

// No SCE: SYSCALL is #UD for partitions. PAT as after a reset: the kernel uses WB (0) and UC (3).
#define HOST_EFER (EFER_LME | EFER_LMA | EFER_NXE)
#define HOST_PAT  0x0007040600070406ull

#define RIGHTS_DATA     0x93u
#define RIGHTS_CODE     0x9bu
#define RIGHTS_LDT      0x82u
#define RIGHTS_TSS_BUSY 0x8bu

static void add(struct boot_fields *list, enum vmcs_field field, uint64_t value)
{
    list->write[list->count++] = (struct field_write){ vmcs_field_info[field].encoding, value };
}

// What the CPU lacks stays out.
static void add_if(struct boot_fields *list, const struct vmx_caps *caps, enum vmcs_field field, uint64_t value)
{
    if (vmcs_feature_exists((enum vmcs_feature)vmcs_field_info[field].feature, caps->allowed1))
        add(list, field, value);
}

// A fresh VMCS holds zeros as far as we know, but the SDM doesn't promise it.
static const uint8_t zero_field[] = {
    VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_INTR_INFO, VMCS_ENTRY_EXCEPTION_ERROR,
    VMCS_ENTRY_INSTRUCTION_LENGTH, VMCS_EXCEPTION_BITMAP, VMCS_PF_ERROR_MASK, VMCS_PF_ERROR_MATCH, VMCS_CR3_TARGET_COUNT, VMCS_TSC_OFFSET,
    VMCS_XSS_EXIT_BITMAP, VMCS_VM_FUNCTION_CONTROL, VMCS_TPR_THRESHOLD, VMCS_HOST_ES_SELECTOR, VMCS_HOST_DS_SELECTOR,
    VMCS_HOST_FS_SELECTOR, VMCS_HOST_GS_SELECTOR, VMCS_HOST_GS_BASE,
};

void fields_host(struct boot_fields *list, const struct boot_info *info)
{
    const struct vmx_caps *caps = &info->vmx;
    for (unsigned i = 0; i < sizeof(zero_field) / sizeof(zero_field[0]); i++)
        add_if(list, caps, (enum vmcs_field)zero_field[i], 0);
    add(list, VMCS_VMCS_LINK_POINTER, ~0ull);
    add(list, VMCS_HOST_CS_SELECTOR, SELECTOR_KERNEL_CS);
    add(list, VMCS_HOST_SS_SELECTOR, SELECTOR_KERNEL_SS);
    add(list, VMCS_HOST_TR_SELECTOR, SELECTOR_TSS);
    add(list, VMCS_HOST_FS_BASE, INFO_BASE);  // so that info.canary is where compilers look for it
    add(list, VMCS_HOST_CR0, caps->host_cr0);
    add(list, VMCS_HOST_CR3, info->kernel_tables);
    add(list, VMCS_HOST_CR4, caps->host_cr4);
    add(list, VMCS_HOST_EFER, HOST_EFER);
    add(list, VMCS_HOST_PAT, HOST_PAT);
    add(list, VMCS_HOST_SYSENTER_CS, SELECTOR_KERNEL_CS);
}

void fields_vmcs02(struct boot_fields *list, const struct vmx_caps *caps)
{
    static const struct { uint8_t field, word; } words[] = {
        { VMCS_PIN_CONTROLS, WORD_PIN }, { VMCS_PROC_CONTROLS, WORD_PROC }, { VMCS_PROC_CONTROLS2, WORD_PROC2 }, { VMCS_EXIT_CONTROLS, WORD_EXIT },
        { VMCS_ENTRY_CONTROLS, WORD_ENTRY },
    };
    // A fresh region's fields are anything: what the owner doesn't write must not switch something on.
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        if (encoding_class(vmcs_field_info[i].encoding) == CLASS_CONTROL &&
            (vmcs_field_info[i].policy == POLICY_FREE || vmcs_field_info[i].policy == POLICY_ADDRESS))
            add_if(list, caps, (enum vmcs_field)i, 0);
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const unsigned word = words[i].word;
        add(list, (enum vmcs_field)words[i].field, (caps->forced1[word] | caps->allowed0[word]) & caps->allowed1[word]);
    }
}

// LAUNCH_ES and following: their fields follow one another in vmcs_field.def.
static void add_segment(struct boot_fields *list, unsigned i, const struct launch_segment *segment)
{
    add(list, (enum vmcs_field)(VMCS_GUEST_ES_SELECTOR + i), segment->selector);
    add(list, (enum vmcs_field)(VMCS_GUEST_ES_BASE + i), segment->base);
    add(list, (enum vmcs_field)(VMCS_GUEST_ES_LIMIT + i), segment->limit);
    add(list, (enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), segment->access_rights);
}
_Static_assert(VMCS_GUEST_TR_SELECTOR == VMCS_GUEST_ES_SELECTOR + 7 && VMCS_GUEST_TR_BASE == VMCS_GUEST_ES_BASE + 7 &&
               VMCS_GUEST_TR_LIMIT == VMCS_GUEST_ES_LIMIT + 7 && VMCS_GUEST_TR_ACCESS_RIGHTS == VMCS_GUEST_ES_ACCESS_RIGHTS + 7, "add_segment");

static void add_quiet(struct boot_fields *list)
{
    add(list, VMCS_GUEST_INTERRUPTIBILITY, 0);
    add(list, VMCS_GUEST_ACTIVITY_STATE, 0);
    add(list, VMCS_GUEST_PENDING_DEBUG, 0);
    add(list, VMCS_ENTRY_INTR_INFO, 0);
}

static void add_tables(struct boot_fields *list, uint64_t gdtr_base, uint64_t gdtr_limit, uint64_t idtr_base, uint64_t idtr_limit)
{
    add(list, VMCS_GUEST_GDTR_BASE, gdtr_base);
    add(list, VMCS_GUEST_GDTR_LIMIT, gdtr_limit);
    add(list, VMCS_GUEST_IDTR_BASE, idtr_base);
    add(list, VMCS_GUEST_IDTR_LIMIT, idtr_limit);
}

static void add_cr4(struct boot_fields *list, const struct vmx_caps *caps, uint64_t cr4)
{
    add(list, VMCS_GUEST_CR4, cr4 | caps->cr4_fixed0);
    add(list, VMCS_CR4_READ_SHADOW, cr4);
}

static void add_controls(struct boot_fields *list, const struct boot_info *info)
{
    const struct vmx_caps *caps = &info->vmx;
    add(list, VMCS_PIN_CONTROLS, caps->vmcs01[WORD_PIN]);
    add(list, VMCS_PROC_CONTROLS, caps->vmcs01[WORD_PROC]);
    add(list, VMCS_PROC_CONTROLS2, caps->vmcs01[WORD_PROC2]);
    add(list, VMCS_EXIT_CONTROLS, caps->vmcs01[WORD_EXIT]);
    add(list, VMCS_ENTRY_CONTROLS, caps->vmcs01[WORD_ENTRY] | ENTRY_GUEST_IA32E);
    add(list, VMCS_VPID, VMCS01_VPID);
    add(list, VMCS_MSR_BITMAP, info->bitmaps + BITMAP_MSR * PAGE_BYTES);
    add(list, VMCS_IO_BITMAP_A, info->bitmaps + BITMAP_IO_A * PAGE_BYTES);
    add(list, VMCS_IO_BITMAP_B, info->bitmaps + BITMAP_IO_B * PAGE_BYTES);
    add_if(list, caps, VMCS_VMREAD_BITMAP, caps->vmread_bitmap);
    add_if(list, caps, VMCS_VMWRITE_BITMAP, caps->vmwrite_bitmap);
    add(list, VMCS_CR0_GUEST_HOST_MASK, caps->cr0_fixed0);
    add(list, VMCS_CR4_GUEST_HOST_MASK, caps->cr4_fixed0);
}

void fields_launch(struct boot_fields *list, const struct boot_info *info, const struct launch_state *launch)
{
    list->count = 0;  // a launch that failed may be tried again
    add_controls(list, info);
    add_quiet(list);
    for (unsigned i = 0; i < LAUNCH_SEGMENTS; i++)
        add_segment(list, i, &launch->segment[i]);
    add_tables(list, launch->gdtr_base, launch->gdtr_limit, launch->idtr_base, launch->idtr_limit);
    add(list, VMCS_GUEST_CR0, launch->cr0 | info->vmx.cr0_fixed0);
    add(list, VMCS_CR0_READ_SHADOW, launch->cr0);
    add_cr4(list, &info->vmx, launch->cr4);
    add(list, VMCS_GUEST_CR3, launch->cr3);
    add(list, VMCS_GUEST_DR7, launch->dr7);
    add(list, VMCS_GUEST_DEBUGCTL, launch->debugctl);
    add(list, VMCS_GUEST_EFER, launch->efer);
    add(list, VMCS_GUEST_PAT, launch->pat);
    add(list, VMCS_GUEST_SYSENTER_CS, launch->sysenter_cs);
    add(list, VMCS_GUEST_SYSENTER_ESP, launch->sysenter_esp);
    add(list, VMCS_GUEST_SYSENTER_EIP, launch->sysenter_eip);
}

void fields_init(struct boot_fields *list, const struct vmx_caps *caps)
{
    add_quiet(list);
    for (unsigned i = 0; i < LAUNCH_LDTR; i++)
        add_segment(list, i, &(struct launch_segment){ .limit = 0xffff, .access_rights = RIGHTS_DATA });
    add_segment(list, LAUNCH_CS, &(struct launch_segment){ .base = 0xffff0000, .limit = 0xffff, .access_rights = RIGHTS_CODE, .selector = 0xf000 });
    add_segment(list, LAUNCH_LDTR, &(struct launch_segment){ .limit = 0xffff, .access_rights = RIGHTS_LDT });
    add_segment(list, LAUNCH_TR, &(struct launch_segment){ .limit = 0xffff, .access_rights = RIGHTS_TSS_BUSY });
    add_tables(list, 0, 0xffff, 0, 0xffff);
    add_cr4(list, caps, 0);
    add(list, VMCS_GUEST_CR3, 0);
    add(list, VMCS_GUEST_EFER, 0);
    add(list, VMCS_GUEST_DR7, DR7_RESET);
    add(list, VMCS_GUEST_DEBUGCTL, 0);
    add(list, VMCS_GUEST_RIP, 0xfff0);
    add(list, VMCS_GUEST_RSP, 0);
    add(list, VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
}

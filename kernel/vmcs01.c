// SPDX-License-Identifier: BSD-2-Clause
// VMCS01: controls, bitmaps, and L1's state at launch and after INIT.
#include "vmcs01.h"

#include "cpuid_insn.h"
#include "cr.h"
#include "ept01.h"
#include "init_sipi.h"
#include "memory.h"
#include "pool.h"
#include "vmcs.h"
#include "watchdog.h"

#define RIGHTS_DATA      0x93u
#define RIGHTS_CODE      0x9bu
#define RIGHTS_LDT       0x82u
#define RIGHTS_TSS_BUSY  0x8bu

static hpa_t bitmaps;  // BITMAP_KINDS pages

void vmcs01_bitmaps_init(const struct boot_info *info) { bitmaps = (hpa_t){ info->bitmaps }; }
static hpa_t bitmap(enum bitmap_kind kind) { return (hpa_t){ bitmaps.v + kind * PAGE_BYTES }; }
const uint64_t *vmcs01_bitmap(enum bitmap_kind kind) { return hidden_va(bitmap(kind)); }

static void write_controls(void)
{
    vmcs_write(VMCS_PIN_CONTROLS, vmx_caps->vmcs01[WORD_PIN]);
    vmcs_write(VMCS_PROC_CONTROLS, vmx_caps->vmcs01[WORD_PROC]);
    vmcs_write(VMCS_PROC_CONTROLS2, vmx_caps->vmcs01[WORD_PROC2]);
    vmcs_write(VMCS_EXIT_CONTROLS, vmx_caps->vmcs01[WORD_EXIT]);
    vmcs_write(VMCS_ENTRY_CONTROLS, vmx_caps->vmcs01[WORD_ENTRY] | ENTRY_GUEST_IA32E);
    vmcs_write(VMCS_VPID, VMCS01_VPID);
    vmcs_write(VMCS_EPTP, ept01_pointer());
    vmcs_write(VMCS_MSR_BITMAP, bitmap(BITMAP_MSR).v);
    vmcs_write(VMCS_IO_BITMAP_A, bitmap(BITMAP_IO_A).v);
    vmcs_write(VMCS_IO_BITMAP_B, bitmap(BITMAP_IO_B).v);
    vmcs_write(VMCS_CR0_GUEST_HOST_MASK, vmx_caps->cr0_fixed0);
    vmcs_write(VMCS_CR4_GUEST_HOST_MASK, vmx_caps->cr4_fixed0);
}

// LAUNCH_ES and following: their fields follow one another in vmcs_field.def.
static void write_segment(unsigned i, const struct launch_segment *segment)
{
    vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SELECTOR + i), segment->selector);
    vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_BASE + i), segment->base);
    vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + i), segment->limit);
    vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), segment->access_rights);
}
_Static_assert(VMCS_GUEST_TR_SELECTOR == VMCS_GUEST_ES_SELECTOR + 7 && VMCS_GUEST_TR_BASE == VMCS_GUEST_ES_BASE + 7 &&
               VMCS_GUEST_TR_LIMIT == VMCS_GUEST_ES_LIMIT + 7 && VMCS_GUEST_TR_ACCESS_RIGHTS == VMCS_GUEST_ES_ACCESS_RIGHTS + 7, "write_segment");

static void write_cr0_cr4(uint64_t cr0, uint64_t cr4)
{
    vmcs_write(VMCS_GUEST_CR0, cr0 | vmx_caps->cr0_fixed0);
    vmcs_write(VMCS_CR0_READ_SHADOW, cr0);
    vmcs_write(VMCS_GUEST_CR4, cr4 | vmx_caps->cr4_fixed0);
    vmcs_write(VMCS_CR4_READ_SHADOW, cr4);
}

static void write_quiet(void)
{
    vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmcs_write(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
    vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
    vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
}

void vmcs01_init(struct cpu *cpu, const struct launch_state *launch)
{
    vmcs_init_host_state(cpu);
    write_controls();
    watchdog_arm();
    write_quiet();
    for (unsigned i = 0; i < LAUNCH_SEGMENTS; i++)
        write_segment(i, &launch->segment[i]);
    vmcs_write(VMCS_GUEST_GDTR_BASE, launch->gdtr_base);
    vmcs_write(VMCS_GUEST_GDTR_LIMIT, launch->gdtr_limit);
    vmcs_write(VMCS_GUEST_IDTR_BASE, launch->idtr_base);
    vmcs_write(VMCS_GUEST_IDTR_LIMIT, launch->idtr_limit);
    write_cr0_cr4(launch->cr0, launch->cr4);
    vmcs_write(VMCS_GUEST_CR3, launch->cr3);
    vmcs_write(VMCS_GUEST_DR7, launch->dr7);
    vmcs_write(VMCS_GUEST_DEBUGCTL, launch->debugctl);
    vmcs_write(VMCS_GUEST_EFER, launch->efer);
    vmcs_write(VMCS_GUEST_PAT, launch->pat);
    vmcs_write(VMCS_GUEST_SYSENTER_CS, launch->sysenter_cs);
    vmcs_write(VMCS_GUEST_SYSENTER_ESP, launch->sysenter_esp);
    vmcs_write(VMCS_GUEST_SYSENTER_EIP, launch->sysenter_eip);
    vmcs_write(VMCS_GUEST_RIP, launch->rip);
    vmcs_write(VMCS_GUEST_RSP, launch->rsp);
    vmcs_write(VMCS_GUEST_RFLAGS, launch->rflags | RFLAGS_FIXED);
    cpu->gpr[GPR_RAX] = 0;
    cpu->gpr[GPR_RBX] = launch->rbx;
    cpu->gpr[GPR_RBP] = launch->rbp;
    cpu->gpr[GPR_R12] = launch->r12;
    cpu->gpr[GPR_R13] = launch->r13;
    cpu->gpr[GPR_R14] = launch->r14;
    cpu->gpr[GPR_R15] = launch->r15;
}

// SDM 3A 10.1.1 "Processor State After Reset", column INIT, but segments and control registers.
static const struct { uint8_t field; uint32_t value; } after_init[] = {
    { VMCS_GUEST_GDTR_BASE, 0 }, { VMCS_GUEST_GDTR_LIMIT, 0xffff }, { VMCS_GUEST_IDTR_BASE, 0 }, { VMCS_GUEST_IDTR_LIMIT, 0xffff },
    { VMCS_GUEST_CR3, 0 }, { VMCS_GUEST_EFER, 0 }, { VMCS_GUEST_DR7, DR7_RESET }, { VMCS_GUEST_DEBUGCTL, 0 }, { VMCS_GUEST_RIP, 0xfff0 },
    { VMCS_GUEST_RSP, 0 }, { VMCS_GUEST_RFLAGS, RFLAGS_FIXED },
};

void vmcs01_reset_guest(struct cpu *cpu)
{
    write_quiet();
    for (unsigned i = 0; i < LAUNCH_LDTR; i++)
        write_segment(i, &(struct launch_segment){ .limit = 0xffff, .access_rights = RIGHTS_DATA });
    write_segment(LAUNCH_CS, &(struct launch_segment){ .base = 0xffff0000, .limit = 0xffff, .access_rights = RIGHTS_CODE, .selector = 0xf000 });
    write_segment(LAUNCH_LDTR, &(struct launch_segment){ .limit = 0xffff, .access_rights = RIGHTS_LDT });
    write_segment(LAUNCH_TR, &(struct launch_segment){ .limit = 0xffff, .access_rights = RIGHTS_TSS_BUSY });
    for (unsigned i = 0; i < sizeof(after_init) / sizeof(after_init[0]); i++)
        vmcs_write((enum vmcs_field)after_init[i].field, after_init[i].value);
    write_cr0_cr4(CR0_ET | (cr0_read() & (CR0_CD | CR0_NW)), 0);  // INIT leaves CD and NW, and so do VM exits
    vmcs_control(cpu, VMCS_ENTRY_CONTROLS, ENTRY_GUEST_IA32E, false);
    vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_NMI_WINDOW_EXITING, false);
    dr_reset();
    memory_fill(cpu->gpr, 0, sizeof(cpu->gpr));
    cpu->cr2_stale = true;
    cpu->gpr[GPR_RDX] = cpuid_read(1, 0).rax;
    vmcs01_flush();
}

void vmcs01_flush(void) { insn_invvpid(INVVPID_SINGLE, VMCS01_VPID, 0); }

// SPDX-License-Identifier: BSD-2-Clause
// An L2 in virtual-8086 mode: what VM entry checks, what exits and what is a fault first, and events that are delivered to it, with and without the virtual-8086
// mode extensions (SDM 3C 27.3.1.2, 27.6.1, 3B 22.3 "Interrupt and Exception Handling in Virtual-8086 Mode").

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "legacy.h"
#include "x86.h"

void v86_tests(void);

#define PLACE(name) v86_##name, v86_##name##_end
#define CODE16(name, text) L2_BYTES(v86_##name, ".code16\n\t" text "\n\tvmcall")

#define CR4_VME  1ull
#define FLAG_IOPL 0x3000ull
#define FLAG_NT  (1ull << 14)
#define FLAG_VIF (1ull << 19)
#define RIGHTS_V86 0xf3u

CODE16(cpuid, "cpuid");
CODE16(nops, "nop\n\tnop\n\tnop\n\tnop");

// VM entry. Each segment's base, limit and access rights are fixed.
enum what { BASE, LIMIT, RIGHTS };
static const struct { const char *name; enum what what; uint32_t value; } bad_segment[] = {
    { "base", BASE, 0x10 }, { "base_1", BASE, 1 }, { "limit_fffe", LIMIT, 0xfffe }, { "limit_10000", LIMIT, 0x1ffff }, { "limit_0", LIMIT, 0 },
    { "code", RIGHTS, 0xfb }, { "read_only", RIGHTS, 0xf1 }, { "not_accessed", RIGHTS, 0xf2 }, { "dpl_0", RIGHTS, 0x93 }, { "not_present", RIGHTS, 0x73 },
    { "system", RIGHTS, 0xe3 }, { "big", RIGHTS, 0x40f3 }, { "granular", RIGHTS, 0x80f3 }, { "available", RIGHTS, 0x10f3 }, { "reserved", RIGHTS, 0x1f3 },
    { "unusable", RIGHTS, 0x100f3 },
};
static const char *const segment_name[SEGMENTS] = { "es", "cs", "ss", "ds", "fs", "gs" };

static void entry_bad(uint64_t index)
{
    const unsigned i = (unsigned)index / SEGMENTS, segment = (unsigned)index % SEGMENTS;
    static const enum vmcs_field first[] = { VMCS_GUEST_ES_BASE, VMCS_GUEST_ES_LIMIT, VMCS_GUEST_ES_ACCESS_RIGHTS };
    const enum vmcs_field field = (enum vmcs_field)(first[bad_segment[i].what] + segment);
    legacy_virtual_8086(PLACE(cpuid), 0);
    const uint64_t good = vmcs_read(field);
    vmcs_write(field, bad_segment[i].what == BASE ? good + bad_segment[i].value : bad_segment[i].value);
    want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
    vmcs_write(field, good);
    want_exit(EXIT_CPUID);
}

static void without_protection(uint64_t unused)
{
    (void)unused;
    NEED(PROC2, ENABLE_EPT);
    NEED(PROC2, UNRESTRICTED_GUEST);
    legacy_virtual_8086(PLACE(cpuid), 0);
    W(GUEST_CR0, R(GUEST_CR0) & ~(CR0_PE | CR0_PG));
    want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
    W(GUEST_CR0, R(GUEST_CR0) | CR0_PE);
    want_exit(EXIT_CPUID);  // unpaged
}

static void halted(uint64_t unused)
{
    (void)unused;
    legacy_virtual_8086(PLACE(cpuid), 0);
    W(GUEST_ACTIVITY_STATE, HALTED);
    want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);  // the privilege level is 3
}

// What isn't checked: selectors' RPL, the type of TSS, an LDT; and what the exit saves.
static void entry_good(uint64_t unused)
{
    (void)unused;
    const uint64_t at = address(this_cpu()->low);
    legacy_virtual_8086(PLACE(cpuid), FLAG_NT);
    l2_segment(SEGMENT_CS, (uint16_t)(at >> 4) - 2, at - 32, 0xffff, RIGHTS_V86);
    l2_segment(SEGMENT_SS, (uint16_t)(at >> 4) + 1, at + 16, 0xffff, RIGHTS_V86);
    l2_segment(SEGMENT_DS, 0, 0, 0xffff, RIGHTS_V86);
    l2_segment(SEGMENT_FS, 0xffff, 0xffff0, 0xffff, RIGHTS_V86);
    W(GUEST_RIP, 32);
    W(GUEST_TR_ACCESS_RIGHTS, 0x83);  // 16-bit
    W(GUEST_LDTR_SELECTOR, 0x18);
    W(GUEST_LDTR_ACCESS_RIGHTS, RIGHTS_LDT);
    W(GUEST_LDTR_LIMIT, 0xfff);
    want_exit(EXIT_CPUID);
    expect("GUEST_RIP", R(GUEST_RIP), 32);
    expect("RFLAGS", R(GUEST_RFLAGS), FLAG_FIXED | FLAG_VM | FLAG_NT);
    expect("CS", R(GUEST_CS_SELECTOR), (at >> 4) - 2);
    expect("CS base", R(GUEST_CS_BASE), at - 32);
    expect("CS access rights", R(GUEST_CS_ACCESS_RIGHTS), RIGHTS_V86);
    expect("SS base", R(GUEST_SS_BASE), at + 16);
    expect("DS access rights", R(GUEST_DS_ACCESS_RIGHTS), RIGHTS_V86);
    expect("FS limit", R(GUEST_FS_LIMIT), 0xffff);
    expect("TR access rights", R(GUEST_TR_ACCESS_RIGHTS), 0x83);
}

// Instructions with the control on that would have them exit.
CODE16(hlt, "hlt");
CODE16(mov_to_cr3, "mov %eax, %cr3");
CODE16(lmsw, "lmsw %ax");
CODE16(invd, "invd");
CODE16(wbinvd, "wbinvd");
CODE16(rdmsr, "rdmsr");
CODE16(rdpmc, "rdpmc");
CODE16(invlpg, "invlpg (%si)");
CODE16(mov_dr, "mov %dr7, %eax");
CODE16(lgdt, "lgdt (%si)");
CODE16(sgdt, "sgdt 0x20(%si)");
CODE16(sldt, "sldt %ax");
CODE16(str, "str %ax");
CODE16(lldt, "lldt %ax");
CODE16(ltr, "ltr %ax");
CODE16(vmread, "vmread %eax, %ecx");
CODE16(vmwrite, "vmwrite %eax, %ecx");
CODE16(vmclear, "vmclear (%si)");
CODE16(vmptrld, "vmptrld (%si)");
CODE16(vmptrst, "vmptrst (%si)");
CODE16(vmlaunch, "vmlaunch");
CODE16(vmresume, "vmresume");
CODE16(vmxoff, "vmxoff");
CODE16(vmxon, "vmxon (%si)");
CODE16(invept, "invept (%si), %eax");
CODE16(invvpid, "invvpid (%si), %eax");
CODE16(monitor, "monitor");
CODE16(rdtsc, "rdtsc");
CODE16(pause, "pause");
CODE16(rdrand, "rdrand %ax");
CODE16(cli, "cli");
CODE16(pushf, "pushf");
CODE16(iret, "iret");
CODE16(in, "in $0x61, %al");
CODE16(out_far, "mov $0x2000, %dx\n\tout %al, %dx");
CODE16(outsb, "rep outsb %fs:(%si), %dx");
CODE16(insw, "insw %dx, %es:(%di)");
CODE16(vmcall, "vmcall");

#define NONE WORD_COUNT
#define FAULT(vector) (0x10000u | (vector))
static const struct row {
    const char *name, *code, *end;
    uint32_t reason;    // or the exception
    uint8_t word;
    uint32_t control;
    uint8_t before;     // bytes of other instructions
} rows[] = {
    { "cpuid", PLACE(cpuid), EXIT_CPUID, NONE, 0, 0 },
    { "vmcall", PLACE(vmcall), EXIT_VMCALL, NONE, 0, 0 },
    { "rdtsc", PLACE(rdtsc), EXIT_RDTSC, WORD_PROC, PROC_RDTSC_EXITING, 0 },
    { "pause", PLACE(pause), EXIT_PAUSE, WORD_PROC, PROC_PAUSE_EXITING, 0 },
    { "rdrand", PLACE(rdrand), EXIT_RDRAND, WORD_PROC2, PROC2_RDRAND_EXITING, 0 },
    { "mov_dr", PLACE(mov_dr), EXIT_DR_ACCESS, WORD_PROC, PROC_MOV_DR_EXITING, 0 },  // before the fault that the privilege level is (SDM 3C 26.1.3)
    { "sgdt", PLACE(sgdt), EXIT_GDTR_IDTR, WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 0 },
    { "in", PLACE(in), EXIT_IO, WORD_PROC, PROC_UNCONDITIONAL_IO_EXITING, 0 },
    { "hlt", PLACE(hlt), FAULT(VECTOR_GP), WORD_PROC, PROC_HLT_EXITING, 0 },
    { "mov_to_cr3", PLACE(mov_to_cr3), FAULT(VECTOR_GP), WORD_PROC, PROC_CR3_LOAD_EXITING, 0 },
    { "lmsw", PLACE(lmsw), FAULT(VECTOR_GP), NONE, 0, 0 },
    { "invd", PLACE(invd), FAULT(VECTOR_GP), NONE, 0, 0 },
    { "wbinvd", PLACE(wbinvd), FAULT(VECTOR_GP), WORD_PROC2, PROC2_WBINVD_EXITING, 0 },
    { "rdmsr", PLACE(rdmsr), FAULT(VECTOR_GP), NONE, 0, 0 },
    { "rdpmc", PLACE(rdpmc), FAULT(VECTOR_GP), WORD_PROC, PROC_RDPMC_EXITING, 0 },
    { "invlpg", PLACE(invlpg), FAULT(VECTOR_GP), WORD_PROC, PROC_INVLPG_EXITING, 0 },
    { "lgdt", PLACE(lgdt), FAULT(VECTOR_GP), WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 0 },
    { "sldt", PLACE(sldt), FAULT(VECTOR_UD), WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 0 },
    { "str", PLACE(str), FAULT(VECTOR_UD), WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 0 },
    { "lldt", PLACE(lldt), FAULT(VECTOR_UD), WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 0 },
    { "ltr", PLACE(ltr), FAULT(VECTOR_UD), WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 0 },
    { "vmread", PLACE(vmread), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "vmwrite", PLACE(vmwrite), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "vmclear", PLACE(vmclear), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "vmptrld", PLACE(vmptrld), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "vmptrst", PLACE(vmptrst), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "vmlaunch", PLACE(vmlaunch), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "vmresume", PLACE(vmresume), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "vmxoff", PLACE(vmxoff), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "vmxon", PLACE(vmxon), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "invept", PLACE(invept), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "invvpid", PLACE(invvpid), FAULT(VECTOR_UD), NONE, 0, 0 },
    { "monitor", PLACE(monitor), FAULT(VECTOR_UD), WORD_PROC, PROC_MONITOR_EXITING, 0 },
    { "cli", PLACE(cli), FAULT(VECTOR_GP), NONE, 0, 0 },
    { "pushf", PLACE(pushf), FAULT(VECTOR_GP), NONE, 0, 0 },
    { "iret", PLACE(iret), FAULT(VECTOR_GP), NONE, 0, 0 },
    { "out_far", PLACE(out_far), FAULT(VECTOR_GP), WORD_PROC, PROC_UNCONDITIONAL_IO_EXITING, 3 },
};

static void want_exception(uint32_t vector)
{
    const uint32_t error = vector == VECTOR_GP ? EVENT_ERROR : 0;
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO) & ~0x1000ull, EVENT_VALID | EVENT_HARDWARE | error | vector);
    if (error)
        expect("error code", R(EXIT_INTR_ERROR), 0);
}

static void instruction(uint64_t index)
{
    const struct row *row = &rows[index];
    if (row->word != NONE)
        control_need((enum control_word)row->word, row->control, "the CPU doesn't have the control");
    legacy_virtual_8086(row->code, row->end, 0);
    W(EXCEPTION_BITMAP, 1u << VECTOR_UD | 1u << VECTOR_GP);
    GPR(RSI) = 0x1000;
    if (row->reason & 0x10000)
        want_exception(row->reason & 0xff);
    else
        want_exit(row->reason);
    expect("GUEST_RIP", R(GUEST_RIP), row->before);
    expect("RFLAGS.VM", R(GUEST_RFLAGS) & FLAG_VM, FLAG_VM);
    // Without interception L2's own handler gets the fault, by the TSS's stack.
    W(EXCEPTION_BITMAP, 0);
    if (!(row->reason & 0x10000))
        return;
    const uint32_t *stack = want_legacy_trap(row->reason & 0xff);
    expect("IP pushed", stack[(row->reason & 0xff) == VECTOR_GP], row->before);
}

// The task's I/O bitmap comes before L1's.
static void port_denied(uint64_t unused)
{
    (void)unused;
    NEED(PROC, UNCONDITIONAL_IO_EXITING);
    legacy_virtual_8086(PLACE(in), 0);
    want_exit_with(EXIT_IO, 0 | 1 << 3 | 1 << 6 | 0x61 << 16);
    legacy_port_denied(0x61);
    W(EXCEPTION_BITMAP, 1u << VECTOR_GP);
    want_exception(VECTOR_GP);
}

// String I/O: segment, address size and linear address of 16-bit code.
static void string_io(uint64_t output)
{
    NEED(PROC, UNCONDITIONAL_IO_EXITING);
    const uint64_t at = address(this_cpu()->low);
    legacy_virtual_8086(output ? v86_outsb : v86_insw, output ? v86_outsb_end : v86_insw_end, 0);
    l2_segment(SEGMENT_FS, 0x1234, 0x12340, 0xffff, RIGHTS_V86);
    GPR(RDX) = 0x80;
    GPR(RCX) = 0x10003;
    GPR(RSI) = 0x71000;
    GPR(RDI) = 0x71100;
    if (output)
        want_exit_with(EXIT_IO, 0 | 1 << 4 | 1 << 5 | 0x80 << 16);
    else
        want_exit_with(EXIT_IO, 1 | 1 << 3 | 1 << 4 | 0x80 << 16);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), output ? 0x12340 + 0x1000 : at + 0x1100);
    if (control_allowed1(WORD_PROC) && msr_read(MSR_VMX_BASIC) >> 54 & 1)
        expect("instruction information", R(EXIT_INSTRUCTION_INFO) & (output ? 0x38380u : 0x380u), output ? 4u << 15 : 0);
}

// Stacks of handlers outside virtual-8086 mode, without and with an error code.
static void frame(const uint32_t *stack, uint64_t ip, uint64_t flags)
{
    const uint64_t at = address(this_cpu()->low);
    expect("IP pushed", stack[0], ip);
    expect("CS pushed", stack[1] & 0xffff, at >> 4);
    expect("EFLAGS pushed", stack[2] & ~0x10000u, flags);
    expect("SP pushed", stack[3], 0x1ff0);
    for (unsigned i = 4; i < 9; i++)
        expect("SS, ES, DS, FS, GS pushed", stack[i] & 0xffff, at >> 4);
    expect("RSP", address(stack + 9), address(this_cpu()->page_c) + 0x1000);
    expect("RFLAGS.VM in the handler", R(GUEST_RFLAGS) & FLAG_VM, 0);
    expect("DS in the handler", R(GUEST_DS_SELECTOR), 0);
    expect("GS in the handler", R(GUEST_GS_SELECTOR), 0);
    expect("SS in the handler", R(GUEST_SS_SELECTOR), SELECTOR_DATA);
}

static const struct { const char *name; uint32_t information, error, length; } injected[] = {
    { "external", EVENT_EXTERNAL | 0x31, 0, 0 },
    { "nmi", EVENT_NMI | VECTOR_NMI, 0, 0 },
    { "ud", EVENT_HARDWARE | VECTOR_UD, 0, 0 },
    { "gp", EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP, 0x1234, 0 },
    { "pf", EVENT_HARDWARE | EVENT_ERROR | VECTOR_PF, 7, 0 },
    { "bp", EVENT_SOFTWARE_EXCEPTION | VECTOR_BP, 0, 1 },
    { "of", EVENT_SOFTWARE_EXCEPTION | VECTOR_OF, 0, 2 },
    { "icebp", EVENT_PRIVILEGED | VECTOR_DB, 0, 1 },
};

// These go to the IDT, whatever IOPL and CR4.VME; IRET goes back.
static void delivered(uint64_t index)
{
    const unsigned i = (unsigned)index / 2;
    legacy_virtual_8086(PLACE(nops), FLAG_IF);
    if (index % 2)
        W(GUEST_CR4, R(GUEST_CR4) | CR4_VME);
    W(ENTRY_INTR_INFO, EVENT_VALID | injected[i].information);
    W(ENTRY_EXCEPTION_ERROR, injected[i].error);
    W(ENTRY_INSTRUCTION_LENGTH, injected[i].length);
    const bool has_error = injected[i].information & EVENT_ERROR;
    const uint32_t *stack = want_legacy_trap(injected[i].information & 0xff);
    if (has_error)
        expect("error code", stack[0], injected[i].error);
    frame(stack + has_error, injected[i].length, FLAG_FIXED | FLAG_VM | FLAG_IF);
    legacy_iret(has_error);
    want_exit(EXIT_VMCALL);
    expect("GUEST_RIP", R(GUEST_RIP), 4);
    expect("RFLAGS", R(GUEST_RFLAGS) & ~0x10000ull, FLAG_FIXED | FLAG_VM | FLAG_IF);
}

// INT n by L2, and injected (SDM 3B 22.3.3 "Class 3 - Software Interrupt Handling in Virtual-8086 Mode", 3C 27.6.1.1): by the IDT, by the program's own table, or
// #GP; that last never where it is injected.
CODE16(int, "int $0x21\n\tnop");
CODE16(handler, "nop\n\tvmcall\n\tiret");
enum way { BY_IDT, BY_TABLE, GP };
static const struct software { const char *name; uint64_t flags; bool vme, kept, injected; enum way way; } software[] = {
    { "iopl3", FLAG_IOPL | FLAG_IF, false, false, false, BY_IDT },
    { "iopl0", FLAG_IF, false, false, false, GP },
    { "vme_iopl3", FLAG_IOPL | FLAG_IF, true, false, false, BY_TABLE },
    { "vme_iopl0", FLAG_VIF, true, false, false, BY_TABLE },
    { "vme_iopl0_if", FLAG_IF, true, false, false, BY_TABLE },
    { "vme_kept_iopl3", FLAG_IOPL, true, true, false, BY_IDT },
    { "vme_kept_iopl0", FLAG_IF, true, true, false, GP },
    { "injected_iopl3", FLAG_IOPL | FLAG_IF, false, false, true, BY_IDT },
    { "injected_iopl0", FLAG_IF, false, false, true, BY_IDT },
    { "injected_vme_iopl3", FLAG_IOPL | FLAG_IF, true, false, true, BY_TABLE },
    { "injected_vme_iopl0", FLAG_VIF, true, false, true, BY_TABLE },
    { "injected_vme_iopl0_if", FLAG_IF, true, false, true, BY_TABLE },
    { "injected_vme_kept_iopl3", FLAG_IOPL, true, true, true, BY_IDT },
    { "injected_vme_kept_iopl0", FLAG_IF, true, true, true, BY_IDT },
};

#define HANDLER 0x400u  // offset of the program's own handler

static void software_prepare(const struct software *row)
{
    uint8_t *low = this_cpu()->low;
    legacy_virtual_8086(PLACE(int), row->flags);
    for (const char *p = v86_handler; p < v86_handler_end; p++)
        low[HANDLER + (unsigned)(p - v86_handler)] = (uint8_t)*p;
    ((uint32_t *)(void *)(low + PAGE_BYTES))[0x21] = (uint32_t)(address(low) >> 4) << 16 | HANDLER;
    if (row->vme)
        W(GUEST_CR4, R(GUEST_CR4) | CR4_VME);
    if (row->kept)
        legacy_not_redirected(0x21);
    if (row->injected) {
        W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_SOFTWARE | 0x21);
        W(ENTRY_INSTRUCTION_LENGTH, 2);
    }
}

// The program's handler: 6 bytes on its own stack, as in real mode; IF and IOPL as it is to see them.
static void by_table(const struct software *row)
{
    const uint8_t *low = this_cpu()->low;
    const bool monitored = !(row->flags & FLAG_IOPL);
    want_exit(EXIT_VMCALL);
    expect("GUEST_RIP", R(GUEST_RIP), HANDLER + 1);
    expect("CS", R(GUEST_CS_SELECTOR), address(low) >> 4);
    expect("SP", R(GUEST_RSP), 0x1ff0 - 6);
    const uint16_t *stack = (const uint16_t *)(const void *)(low + 0x1ff0 - 6);
    expect("IP pushed", stack[0], 2);
    expect("CS pushed", stack[1], address(low) >> 4);
    const bool seen_if = monitored ? (row->flags & FLAG_VIF) != 0 : (row->flags & FLAG_IF) != 0;
    expect("FLAGS pushed", stack[2], FLAG_FIXED | FLAG_IOPL | (seen_if ? FLAG_IF : 0));
    const uint64_t kept = monitored ? row->flags & ~FLAG_VIF : row->flags & ~FLAG_IF;
    expect("RFLAGS in the handler", R(GUEST_RFLAGS) & ~0x10000ull, FLAG_FIXED | FLAG_VM | kept);
}

static void software_interrupt(uint64_t index)
{
    const struct software *row = &software[index];
    software_prepare(row);
    if (row->way == BY_TABLE) {
        by_table(row);
        return;
    }
    const bool gp = row->way == GP;
    const uint32_t *stack = want_legacy_trap(gp ? VECTOR_GP : 0x21);
    if (gp)
        expect("error code", stack[0], 0);
    frame(stack + gp, gp ? 0 : 2, FLAG_FIXED | FLAG_VM | row->flags);
    legacy_iret(gp);
    if (!gp) {
        want_exit(EXIT_VMCALL);
        expect("GUEST_RIP", R(GUEST_RIP), 3);
    }
}

// A table that EPT12 doesn't map: the exit says what was being delivered, and delivers it once that is mended.
static void vectored(uint64_t index)
{
    const struct software *row = &software[index];
    NEED(PROC2, ENABLE_EPT);
    software_prepare(row);
    if (row->way == BY_TABLE)
        legacy_page_to_window(0, 0);
    else
        W(GUEST_IDTR_BASE, LEGACY_WINDOW);
    want_exit(EXIT_EPT_VIOLATION);
    // Which half of the entry comes first is the CPU's business.
    expect("guest-linear address", R(GUEST_LINEAR_ADDR) & ~3ull, row->way == BY_TABLE ? 4 * 0x21 : LEGACY_WINDOW + 8 * 0x21);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO), EVENT_VALID | EVENT_SOFTWARE | 0x21);
    expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), 2);
    expect("GUEST_RIP", R(GUEST_RIP), 0);
    expect("RFLAGS", R(GUEST_RFLAGS) & ~0x10000ull, FLAG_FIXED | FLAG_VM | row->flags);
    ept12_map(0, (row->way == BY_TABLE ? address(this_cpu()->low) + PAGE_BYTES : address(this_cpu()->page_c)) | EPT_ALL | EPT_WB);
    W(ENTRY_INTR_INFO, R(IDT_VECTORING_INFO));
    W(ENTRY_INSTRUCTION_LENGTH, R(EXIT_INSTRUCTION_LENGTH));
    if (row->way == BY_TABLE)
        by_table(row);
    else
        frame(want_legacy_trap(0x21), 2, FLAG_FIXED | FLAG_VM | row->flags);
}

// Data that EPT12 doesn't map.
CODE16(load, "mov 0x123(%si), %al");
static void data_violation(uint64_t unused)
{
    (void)unused;
    NEED(PROC2, ENABLE_EPT);
    legacy_virtual_8086(PLACE(load), 0);
    legacy_page_to_window(0xc1000, 3);
    l2_segment(SEGMENT_DS, 0xc000, 0xc0000, 0xffff, RIGHTS_V86);
    GPR(RSI) = 0x1000;
    want_exit(EXIT_EPT_VIOLATION);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), 0xc1123);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR), WINDOW_PHYSICAL + 3 * PAGE_BYTES + 0x123);
    ept12_map(3, address(this_cpu()->page_c) | EPT_ALL | EPT_WB);
    want_exit(EXIT_VMCALL);
    expect("what it read", GPR(RAX) & 0xff, ((const uint8_t *)this_cpu()->page_c)[0x123]);
}

// Through a task gate, out of virtual-8086 mode.
static void task_gate(uint64_t injecting)
{
    legacy_virtual_8086(PLACE(int), FLAG_IOPL);
    legacy_task_gate(0x21, SELECTOR_NEXT);
    if (injecting) {
        W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_SOFTWARE | 0x21);
        W(ENTRY_INSTRUCTION_LENGTH, 2);
    }
    want_exit_with(EXIT_TASK_SWITCH, 3u << 30 | SELECTOR_NEXT);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO), EVENT_VALID | EVENT_SOFTWARE | 0x21);
    expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), 2);
    expect("RFLAGS", R(GUEST_RFLAGS) & ~0x10000ull, FLAG_FIXED | FLAG_VM | FLAG_IOPL);
    expect("GUEST_RIP", R(GUEST_RIP), 0);
}

void v86_tests(void)
{
    for (unsigned i = 0; i < sizeof(bad_segment) / sizeof(bad_segment[0]); i++) {
        for (unsigned segment = 0; segment < SEGMENTS; segment++)
            test_row(segment_name[segment], bad_segment[i].name, entry_bad, i * SEGMENTS + segment);
    }
    TEST(without_protection);
    TEST(halted);
    TEST(entry_good);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        test_row("instruction", rows[i].name, instruction, i);
    TEST(port_denied);
    test_row("string_io", "ins", string_io, 0);
    test_row("string_io", "outs", string_io, 1);
    for (unsigned i = 0; i < sizeof(injected) / sizeof(injected[0]); i++) {
        test_row("delivered", injected[i].name, delivered, 2 * i);
        test_row("delivered_vme", injected[i].name, delivered, 2 * i + 1);
    }
    for (unsigned i = 0; i < sizeof(software) / sizeof(software[0]); i++)
        test_row("software", software[i].name, software_interrupt, i);
    for (unsigned i = 0; i < sizeof(software) / sizeof(software[0]); i++) {
        if (software[i].way != GP)
            test_row("vectored", software[i].name, vectored, i);
    }
    TEST(data_violation);
    test_row("task_gate", "int", task_gate, 0);
    test_row("task_gate", "injected", task_gate, 1);
}

// SPDX-License-Identifier: BSD-2-Clause
// Instructions that cause VM exits, always or by a control (SDM 3C 26.1.2, 26.1.3): exit reason, length, qualification; and none without the control.

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "trap.h"
#include "vmx.h"
#include "x86.h"

void exits_tests(void);

// Each is followed by VMCALL.
#define PIECE(name, text) L2(exits_##name, text);
PIECE(cpuid, "cpuid")
PIECE(invd, "invd")
PIECE(xsetbv, "xor %ecx, %ecx\n\txsetbv")
PIECE(vmclear, "vmclear (%rdi)")
PIECE(vmptrld, "vmptrld (%rdi)")
PIECE(vmptrst, "vmptrst 8(%rdi,%rcx,4)")
PIECE(vmread, "vmread %rax, %rdx")
PIECE(vmwrite, "vmwrite (%rdi), %rbx")
PIECE(vmlaunch, "vmlaunch")
PIECE(vmresume, "vmresume")
PIECE(vmxoff, "vmxoff")
PIECE(vmxon, "vmxon (%rdi)")
PIECE(invept, "invept (%rdi), %rcx")
PIECE(invvpid, "invvpid 0x40(%rsi), %r9")
PIECE(hlt, "hlt")
PIECE(invlpg, "invlpg 0x123(%rdi)")
PIECE(rdpmc, "mov $0, %ecx\n\trdpmc")
PIECE(rdtsc, "rdtsc")
PIECE(pause, "pause")
PIECE(wbinvd, "wbinvd")
PIECE(rdrand, "rdrand %ecx")
PIECE(rdrand64, "rdrand %r10")
PIECE(rdseed, "rdseed %edx")
PIECE(monitor, "mov %rdi, %rax\n\txor %ecx, %ecx\n\txor %edx, %edx\n\tmonitor")
PIECE(mwait, "xor %eax, %eax\n\txor %ecx, %ecx\n\tmwait")
PIECE(sgdt, "sgdt (%rdi)")
PIECE(sidt, "sidt 0x10(%rdi)")
PIECE(lgdt, "lgdt (%rdi)")
PIECE(lidt, "lidt (%rdi,%rcx,8)")
PIECE(sldt, "sldt %eax")
PIECE(str, "str (%rdi)")
PIECE(lldt, "lldt %dx")
PIECE(ltr, "ltr %bx")
PIECE(mov_dr7_in, "mov %rax, %dr7")
PIECE(mov_dr0_out, "mov %dr0, %r11")
PIECE(in8, "mov $0x5a, %dx\n\tin %dx, %al")
PIECE(out32, "out %eax, $0x80")
PIECE(in16, "in $0x61, %ax")
PIECE(rdmsr, "mov $0x277, %ecx\n\trdmsr")
PIECE(wrmsr, "mov $0xc0000102, %ecx\n\twrmsr")
#undef PIECE

#define ALWAYS WORD_COUNT
static const struct row {
    const char *name, *code;
    uint32_t reason;
    uint8_t word;           // which control makes it exit, or ALWAYS
    uint32_t control;
    uint32_t length;
    uint64_t qualification; // of those that have one; ~0: not looked at
    uint32_t information;   // VM-exit instruction information; ~0: not looked at
    uint8_t before;         // bytes of other instructions in front
    uint8_t cpuid_word;     // needs: 0 nothing, 1 CPUID.1:ECX, 2 CPUID.7:EBX
    uint32_t cpuid_bit;
} rows[] = {
#define NO ~0ull, ~0u
    { "cpuid", exits_cpuid, EXIT_CPUID, ALWAYS, 0, 2, NO, 0, 0, 0 },
    { "invd", exits_invd, EXIT_INVD, ALWAYS, 0, 2, NO, 0, 0, 0 },
    { "xsetbv", exits_xsetbv, EXIT_XSETBV, ALWAYS, 0, 3, NO, 2, 1, 1u << 26 },
    { "vmclear", exits_vmclear, EXIT_VMCLEAR, ALWAYS, 0, 4, 0, 7u << 23 | 1u << 22 | 2 << 7 | 3 << 15, 0, 0, 0 },
    { "vmptrld", exits_vmptrld, EXIT_VMPTRLD, ALWAYS, 0, 3, 0, 7u << 23 | 1u << 22 | 2 << 7 | 3 << 15, 0, 0, 0 },
    { "vmptrst", exits_vmptrst, EXIT_VMPTRST, ALWAYS, 0, 5, 8, 7u << 23 | 1u << 18 | 2 | 2 << 7 | 3 << 15, 0, 0, 0 },
    { "vmread", exits_vmread, EXIT_VMREAD, ALWAYS, 0, 3, ~0ull, 1u << 10 | 2u << 3 | 0u << 28, 0, 0, 0 },
    { "vmwrite", exits_vmwrite, EXIT_VMWRITE, ALWAYS, 0, 3, 0, 7u << 23 | 1u << 22 | 2 << 7 | 3u << 28 | 3 << 15, 0, 0, 0 },
    { "vmlaunch", exits_vmlaunch, EXIT_VMLAUNCH, ALWAYS, 0, 3, NO, 0, 0, 0 },
    { "vmresume", exits_vmresume, EXIT_VMRESUME, ALWAYS, 0, 3, NO, 0, 0, 0 },
    { "vmxoff", exits_vmxoff, EXIT_VMXOFF, ALWAYS, 0, 3, NO, 0, 0, 0 },
    { "vmxon", exits_vmxon, EXIT_VMXON, ALWAYS, 0, 4, 0, 7u << 23 | 1u << 22 | 2 << 7 | 3 << 15, 0, 0, 0 },
    { "invept", exits_invept, EXIT_INVEPT, ALWAYS, 0, 5, 0, 7u << 23 | 1u << 22 | 2 << 7 | 1u << 28 | 3 << 15, 0, 0, 0 },
    { "invvpid", exits_invvpid, EXIT_INVVPID, ALWAYS, 0, 7, 0x40, 6u << 23 | 1u << 22 | 2 << 7 | 9u << 28 | 3 << 15, 0, 0, 0 },
    { "hlt", exits_hlt, EXIT_HLT, WORD_PROC, PROC_HLT_EXITING, 1, NO, 0, 0, 0 },
    { "invlpg", exits_invlpg, EXIT_INVLPG, WORD_PROC, PROC_INVLPG_EXITING, 7, 0x123, ~0u, 0, 0, 0 },
    { "rdpmc", exits_rdpmc, EXIT_RDPMC, WORD_PROC, PROC_RDPMC_EXITING, 2, NO, 5, 0, 0 },
    { "rdtsc", exits_rdtsc, EXIT_RDTSC, WORD_PROC, PROC_RDTSC_EXITING, 2, NO, 0, 0, 0 },
    { "pause", exits_pause, EXIT_PAUSE, WORD_PROC, PROC_PAUSE_EXITING, 2, NO, 0, 0, 0 },
    { "monitor", exits_monitor, EXIT_MONITOR, WORD_PROC, PROC_MONITOR_EXITING, 3, NO, 7, 1, 1u << 3 },
    { "mwait", exits_mwait, EXIT_MWAIT, WORD_PROC, PROC_MWAIT_EXITING, 3, NO, 4, 1, 1u << 3 },
    { "mov_dr7_in", exits_mov_dr7_in, EXIT_DR_ACCESS, WORD_PROC, PROC_MOV_DR_EXITING, 3, 7 | RAX << 8, ~0u, 0, 0, 0 },
    { "mov_dr0_out", exits_mov_dr0_out, EXIT_DR_ACCESS, WORD_PROC, PROC_MOV_DR_EXITING, 4, 0 | 1 << 4 | R11 << 8, ~0u, 0, 0, 0 },
    { "in8", exits_in8, EXIT_IO, WORD_PROC, PROC_UNCONDITIONAL_IO_EXITING, 1, 0 | 1 << 3 | 0x5a << 16, ~0u, 4, 0, 0 },
    { "out32", exits_out32, EXIT_IO, WORD_PROC, PROC_UNCONDITIONAL_IO_EXITING, 2, 3 | 1 << 6 | 0x80 << 16, ~0u, 0, 0, 0 },
    { "in16", exits_in16, EXIT_IO, WORD_PROC, PROC_UNCONDITIONAL_IO_EXITING, 3, 1 | 1 << 3 | 1 << 6 | 0x61 << 16, ~0u, 0, 0, 0 },
    { "wbinvd", exits_wbinvd, EXIT_WBINVD, WORD_PROC2, PROC2_WBINVD_EXITING, 2, NO, 0, 0, 0 },
    { "rdrand", exits_rdrand, EXIT_RDRAND, WORD_PROC2, PROC2_RDRAND_EXITING, 3, ~0ull, 1 << 3 | 1 << 11, 0, 1, 1u << 30 },
    { "rdrand64", exits_rdrand64, EXIT_RDRAND, WORD_PROC2, PROC2_RDRAND_EXITING, 4, ~0ull, 10 << 3 | 2 << 11, 0, 1, 1u << 30 },
    { "rdseed", exits_rdseed, EXIT_RDSEED, WORD_PROC2, PROC2_RDSEED_EXITING, 3, ~0ull, 2 << 3 | 1 << 11, 0, 2, 1u << 18 },
    { "sgdt", exits_sgdt, EXIT_GDTR_IDTR, WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 3, 0, 7u << 23 | 1u << 22 | 2 << 7 | 3 << 15 | 0u << 28, 0, 0, 0 },
    { "sidt", exits_sidt, EXIT_GDTR_IDTR, WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 4, 0x10, 7u << 23 | 1u << 22 | 2 << 7 | 3 << 15 | 1u << 28, 0, 0, 0 },
    { "lgdt", exits_lgdt, EXIT_GDTR_IDTR, WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 3, 0, 7u << 23 | 1u << 22 | 2 << 7 | 3 << 15 | 2u << 28, 0, 0, 0 },
    { "lidt", exits_lidt, EXIT_GDTR_IDTR, WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 4, 0, 7u << 23 | 1u << 18 | 3 | 2 << 7 | 3 << 15 | 3u << 28, 0, 0, 0 },
    { "sldt", exits_sldt, EXIT_LDTR_TR, WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 3, ~0ull, 1 << 10 | 0 << 3 | 0u << 28, 0, 0, 0 },
    { "str", exits_str, EXIT_LDTR_TR, WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 3, 0, 7u << 23 | 1u << 22 | 2 << 7 | 3 << 15 | 1u << 28, 0, 0, 0 },
    { "lldt", exits_lldt, EXIT_LDTR_TR, WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 3, ~0ull, 1 << 10 | 2 << 3 | 2u << 28, 0, 0, 0 },
    { "ltr", exits_ltr, EXIT_LDTR_TR, WORD_PROC2, PROC2_DESCRIPTOR_TABLE_EXITING, 3, ~0ull, 1 << 10 | 3 << 3 | 3u << 28, 0, 0, 0 },
    { "rdmsr", exits_rdmsr, EXIT_RDMSR, ALWAYS, 0, 2, NO, 5, 0, 0 },
    { "wrmsr", exits_wrmsr, EXIT_WRMSR, ALWAYS, 0, 2, NO, 5, 0, 0 },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))
#define REGISTER_OPERAND (1u << 10)
#define NO_INDEX         (1u << 22)
#define TASK_BUSY        (2ull << 40)  // of a descriptor's type
#define DR7_FIXED        0x400

// The bits of the instruction information that are defined for this form (SDM 3C 28.2.5 "Information for VM Exits Due to Instruction Execution").
static uint32_t information_defined(const struct row *row)
{
    uint32_t defined = row->information & REGISTER_OPERAND ? 0x478 : 0x0bc38380 | (row->information & NO_INDEX ? 0 : 0x3c0003);
    switch (row->reason) {
    case EXIT_RDRAND:
    case EXIT_RDSEED:
        return 0x1878;
    case EXIT_GDTR_IDTR:
    case EXIT_LDTR_TR:
        return defined | 0x30000000;
    case EXIT_VMREAD:
    case EXIT_VMWRITE:
    case EXIT_INVEPT:
    case EXIT_INVVPID:
        return defined | 0xf0000000;
    default:
        return defined;
    }
}

static void prepare(const struct row *row)
{
    const struct cpuid feature = row->cpuid_word == 2 ? cpuid(7) : cpuid(1);
    if (row->cpuid_word && !((row->cpuid_word == 2 ? feature.ebx : feature.ecx) & row->cpuid_bit))
        test_skip("the CPU doesn't have the instruction");
    GPR(RDI) = address(this_cpu()->data);
    GPR(RSI) = address(this_cpu()->data);
    GPR(RCX) = 0;
    GPR(RAX) = 0;
    GPR(RDX) = 0;
    GPR(R9) = 0;
    if (row->code == exits_xsetbv)
        W(GUEST_CR4, R(GUEST_CR4) | CR4_OSXSAVE);
    l2_start(row->code);
}

static void exits(uint64_t index)
{
    const struct row *row = &rows[index];
    prepare(row);
    if (row->word != ALWAYS)
        control_need((enum control_word)row->word, row->control, "the CPU doesn't have the control");
    want_exit(row->reason);
    expect("GUEST_RIP", R(GUEST_RIP), address(row->code) + row->before);
    expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), row->length);
    if (row->qualification != ~0ull)
        expect("qualification", R(EXIT_QUALIFICATION), row->qualification + (row->reason == EXIT_INVLPG ? address(this_cpu()->data) : 0));
    if (row->information != ~0u) {
        const uint32_t defined = information_defined(row);
        expect("instruction information", R(EXIT_INSTRUCTION_INFO) & defined, row->information & defined);
    }
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & EVENT_VALID, 0);
    l2_skip();
    want_end();
}

// In privilege level 3 the VMX instructions exit all the same, as does I/O, which L2's TSS allows. #GP comes before the exits of privileged ones (SDM 3C 26.1.1 "Relative
// Priority of Faults and VM Exits"), but of MOV DR (26.1.3).
static bool is_privileged(const struct row *row)
{
    static const uint32_t reasons[] = { EXIT_INVD, EXIT_XSETBV, EXIT_HLT, EXIT_INVLPG, EXIT_RDPMC, EXIT_WBINVD, EXIT_RDMSR, EXIT_WRMSR };
    for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (row->reason == reasons[i])
            return true;
    }
    return row->code == exits_lgdt || row->code == exits_lidt || row->code == exits_lldt || row->code == exits_ltr;
}

static void in_user(uint64_t index)
{
    const struct row *row = &rows[index];
    l2_user();
    prepare(row);
    if (row->word != ALWAYS)
        control_need((enum control_word)row->word, row->control, "the CPU doesn't have the control");
    if (is_privileged(row) || row->reason == EXIT_MONITOR || row->reason == EXIT_MWAIT) {
        want_trap(is_privileged(row) ? VECTOR_GP : VECTOR_UD);
        return;
    }
    want_exit(row->reason);
    expect("GUEST_RIP", R(GUEST_RIP), address(row->code) + row->before);
    expect("CPL", R(GUEST_SS_ACCESS_RIGHTS) >> 5 & 3, 3);
}

// What an instruction that doesn't exit needs so that it changes nothing that L2 lives by: what it loads is what is there.
static void prepare_to_run(const struct row *row)
{
    struct cpu *c = this_cpu();
    struct table_register *table = (struct table_register *)(void *)c->data;
    if (row->code == exits_lgdt) {
        *table = (struct table_register){ (uint16_t)R(GUEST_GDTR_LIMIT), R(GUEST_GDTR_BASE) };
        W(GUEST_GDTR_LIMIT, 0xffff);
    } else if (row->code == exits_lidt) {
        *table = (struct table_register){ (uint16_t)R(GUEST_IDTR_LIMIT), R(GUEST_IDTR_BASE) };
        W(GUEST_IDTR_LIMIT, 0xfff0);
    } else if (row->code == exits_ltr) {  // a task that isn't busy, in a table of its own
        for (unsigned i = 0; i < sizeof(c->gdt) / sizeof(c->gdt[0]); i++)
            c->page_a[i] = c->gdt[i];
        c->page_a[SELECTOR_TASK / 8] &= ~TASK_BUSY;
        W(GUEST_GDTR_BASE, address(c->page_a));
        W(GUEST_TR_LIMIT, 0xffff);
        GPR(RBX) = SELECTOR_TASK;
    } else if (row->code == exits_lldt) {
        W(GUEST_LDTR_SELECTOR, SELECTOR_DATA);
    } else if (row->code == exits_mov_dr7_in) {
        GPR(RAX) = DR7_FIXED;
    }
}

static void expect_run(const struct row *row)
{
    struct cpu *c = this_cpu();
    if (row->code == exits_lgdt)
        expect("GDTR", R(GUEST_GDTR_LIMIT), sizeof(c->gdt) - 1);
    else if (row->code == exits_lidt)
        expect("IDTR", R(GUEST_IDTR_LIMIT), sizeof(l2_idt) - 1);
    else if (row->code == exits_ltr)
        expect("TR, busy", (R(GUEST_TR_LIMIT) == sizeof(c->task) - 1) && (c->page_a[SELECTOR_TASK / 8] & TASK_BUSY), 1);
    else if (row->code == exits_lldt)
        expect("LDTR", R(GUEST_LDTR_SELECTOR), 0);
}

// HLT without exiting is hlt_is_woken_by_nmi's. MWAIT doesn't wait where MONITOR has armed nothing: what it might wait for otherwise ends by the timer, as a failure.
static void without_control(uint64_t index)
{
    const struct row *row = &rows[index];
    prepare(row);
    prepare_to_run(row);
    if (row->code == exits_mwait) {
        NEED(PIN, PREEMPTION_TIMER);
        W(PREEMPTION_TIMER, 1u << 20);
    }
    want_end();
    expect_run(row);
}

#define XCOMP_BV  65           // of an area, in words of 8 bytes (SDM 1 13.4.2 "XSAVE Header")
#define XSS_TRACE (1ull << 8)  // the state of Processor Trace

L2(exits_rdtscp_code, "rdtscp");
L2(exits_invpcid_code, "invpcid (%rdi), %rax");
L2(exits_xsaves_code, "xsaves (%rdi)");
L2(exits_xrstors_code, "xrstors (%rdi)");

// RDTSCP and INVPCID need a control of their own, without which they are #UD; then RDTSC and INVLPG exiting decide.
static void rdtscp(uint64_t unused)
{
    (void)unused;
    if (!(HAS(PROC2, ENABLE_RDTSCP)))
        test_skip("not offered: ENABLE_RDTSCP");
    l2_start(exits_rdtscp_code);
    want_trap(VECTOR_UD);
    NEED(PROC2, ENABLE_RDTSCP);
    l2_start(exits_rdtscp_code);
    want_end();
    NEED(PROC, RDTSC_EXITING);
    l2_start(exits_rdtscp_code);
    want_exit(EXIT_RDTSCP);
    expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), 3);
}

static void invpcid(uint64_t unused)
{
    (void)unused;
    if (!(HAS(PROC2, ENABLE_INVPCID)))
        test_skip("not offered: ENABLE_INVPCID");
    GPR(RDI) = address(this_cpu()->data);
    GPR(RAX) = 2;
    l2_start(exits_invpcid_code);
    want_trap(VECTOR_UD);
    NEED(PROC2, ENABLE_INVPCID);
    l2_start(exits_invpcid_code);
    want_end();
    NEED(PROC, INVLPG_EXITING);
    l2_start(exits_invpcid_code);
    want_exit_with(EXIT_INVPCID, 0);
    expect("register", R(EXIT_INSTRUCTION_INFO) >> 28, 0);
}

static void start_xsaves(const char *code)
{
    l2_start(code);
    W(GUEST_CR4, R(GUEST_CR4) | CR4_OSXSAVE);
    GPR(RDI) = address(this_cpu()->data);
    GPR(RAX) = GPR(RDX) = 0xffffffff;
}

// XSAVES and XRSTORS are #UD without the control. With it they exit for a state that is in IA32_XSS, in RDX:RAX and in the bitmap (SDM 3C 26.1.3).
static void xsaves(uint64_t unused)
{
    (void)unused;
    volatile uint64_t *area = this_cpu()->data;
    if (!HAS(PROC2, ENABLE_XSAVES))
        test_skip("not offered: ENABLE_XSAVES");
    start_xsaves(exits_xsaves_code);
    want_trap(VECTOR_UD);
    start_xsaves(exits_xrstors_code);
    want_trap(VECTOR_UD);
    NEED(PROC2, ENABLE_XSAVES);
    W(XSS_EXIT_BITMAP, ~0ull);
    expect("IA32_XSS", msr_read(MSR_XSS), 0);
    start_xsaves(exits_xsaves_code);
    want_end();
    expect("the form is compact", area[XCOMP_BV] >> 63, 1);
    start_xsaves(exits_xrstors_code);
    want_end();
    if (msr_try_write(MSR_XSS, XSS_TRACE) || msr_read(MSR_XSS) != XSS_TRACE)
        return;  // no state that only XSAVES has
    start_xsaves(exits_xsaves_code);
    l2_run();
    const uint64_t saved = this_cpu()->exit.reason;
    start_xsaves(exits_xrstors_code);
    l2_run();
    msr_write(MSR_XSS, 0);
    expect("XSAVES of what the bitmap has", saved, EXIT_XSAVES);
    expect("XRSTORS of what the bitmap has", this_cpu()->exit.reason, EXIT_XRSTORS);
}

L2(exits_hlt_then, "hlt");

// HLT without exiting: the activity state, seen by an exit that isn't HLT's.
static void hlt_is_woken_by_nmi(uint64_t unused)
{
    (void)unused;
    NEED(PIN, PREEMPTION_TIMER);
    W(PREEMPTION_TIMER, 1000);
    l2_start(exits_hlt_then);
    want_exit(EXIT_PREEMPTION_TIMER);
    expect("activity state", R(GUEST_ACTIVITY_STATE), HALTED);
    expect("GUEST_RIP", R(GUEST_RIP), address(exits_hlt_then) + 1);
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
    W(PREEMPTION_TIMER, 1u << 30);
    want_trap(VECTOR_NMI);
    expect("activity state", R(GUEST_ACTIVITY_STATE), ACTIVE);
}

L2(exits_registers, "mov $0x1111, %eax\n\tmov $0x2222, %ebx\n\tnot %rcx\n\tnot %rdx\n\tnot %rsi\n\tnot %rdi\n\tnot %rbp\n\tnot %r8\n\tnot %r9\n\t"
   "not %r10\n\tnot %r11\n\tnot %r12\n\tnot %r13\n\tnot %r14\n\tnot %r15");

static void registers(uint64_t unused)
{
    (void)unused;
    for (unsigned i = 0; i < 16; i++)
        GPR(i) = 0x0101010101010101ull * i;
    l2_start(exits_registers);
    want_end();
    expect("RAX", GPR(RAX), 0x1111);
    expect("RBX", GPR(RBX), 0x2222);
    for (unsigned i = 0; i < 16; i++) {
        if (i != RAX && i != RBX && i != RSP_UNUSED)
            expect("register", GPR(i), ~(0x0101010101010101ull * i));
    }
}

void exits_tests(void)
{
    for (unsigned i = 0; i < ROWS; i++)
        test_row("exits", rows[i].name, exits, i);
    for (unsigned i = 0; i < ROWS; i++) {
        if (rows[i].word != ALWAYS && rows[i].code != exits_hlt)
            test_row("without_control", rows[i].name, without_control, i);
    }
    for (unsigned i = 0; i < ROWS; i++)
        test_row("in_user", rows[i].name, in_user, i);
    TEST(rdtscp);
    TEST(invpcid);
    TEST(xsaves);
    TEST(hlt_is_woken_by_nmi);
    TEST(registers);
}

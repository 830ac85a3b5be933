// SPDX-License-Identifier: BSD-2-Clause
// The exception bitmap, page-fault mask and match, and what an exception's exit says (SDM 3C 26.2 "Other Causes of VM Exits", 28.2.2).

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "x86.h"

void exception_tests(void);

#define NOT_PRESENT (1ull << 42)

L2(exception_de, "xor %ecx, %ecx\n\tdiv %ecx");
L2(exception_bp, "int3");
L2(exception_ud, "ud2");
L2(exception_nm, "fnop");
L2(exception_gp, "mov $0xffff, %eax\n\tmov %eax, %ds");
L2(exception_np_ss, "mov $0x18, %eax\n\tmov %eax, %ss");
L2(exception_pf_read, "mov $0x40000000000, %rsi\n\tmov 0x10(%rsi), %rax");
L2(exception_pf_write, "mov $0x40000000000, %rsi\n\tmov %rax, 0x18(%rsi)");
L2(exception_pf_fetch, "mov $0x40000000000, %rsi\n\tjmp *%rsi");
L2(exception_step, "nop\n\tnop");

static const struct row { const char *name, *code; uint32_t information, error, length, offset; } rows[] = {
    { "de", exception_de, EVENT_HARDWARE | VECTOR_DE, 0, 0, 2 },
    { "bp", exception_bp, EVENT_SOFTWARE_EXCEPTION | VECTOR_BP, 0, 1, 0 },
    { "ud", exception_ud, EVENT_HARDWARE | VECTOR_UD, 0, 0, 0 },
    { "nm", exception_nm, EVENT_HARDWARE | VECTOR_NM, 0, 0, 0 },
    { "gp", exception_gp, EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP, 0xfffc, 0, 5 },
    { "ss_gp", exception_np_ss, EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP, 0x18, 0, 5 },
};

static void intercepted(uint64_t index)
{
    const struct row *row = &rows[index];
    l2_start(row->code);
    W(GUEST_CR0, R(GUEST_CR0) | CR0_TS);
    W(EXCEPTION_BITMAP, 1u << (row->information & 0xff));
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO) & ~(uint64_t)0x1000, row->information | EVENT_VALID);
    if (row->information & EVENT_ERROR)
        expect("error code", R(EXIT_INTR_ERROR), row->error);
    if (row->length)
        expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), row->length);
    expect("GUEST_RIP", R(GUEST_RIP), address(row->code) + row->offset);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & EVENT_VALID, 0);
    expect("RF saved", R(GUEST_RFLAGS) >> 16 & 1, row->information & EVENT_SOFTWARE_EXCEPTION & ~EVENT_HARDWARE ? 0 : 1);
}

static void not_intercepted(uint64_t index)
{
    const struct row *row = &rows[index];
    l2_start(row->code);
    W(GUEST_CR0, R(GUEST_CR0) | CR0_TS);
    W(EXCEPTION_BITMAP, ~(1u << (row->information & 0xff)));
    want_trap(row->information & 0xff);
    expect("error code", this_cpu()->l2_trap.error, row->error);
}

// A #PF exits where bit 14 equals whether (error & mask) == match.
static const struct fault { const char *name, *code; uint32_t error, offset; } faults[] = {
    { "read", exception_pf_read, 0, 0x10 }, { "write", exception_pf_write, 2, 0x18 },
};

static void page_fault(uint64_t index)
{
    const struct fault *f = &faults[index];
    for (unsigned bit = 0; bit < 2; bit++) {
        for (uint32_t mask = 0; mask < 4; mask++) {
            for (uint32_t match = 0; match < 4; match++) {
                const bool exits = bit == ((f->error & mask) == match);
                l2_start(f->code);
                this_cpu()->l2_trap.vector = NO_VECTOR;
                W(EXCEPTION_BITMAP, bit << VECTOR_PF);
                W(PF_ERROR_MASK, mask);
                W(PF_ERROR_MATCH, match);
                if (!exits) {
                    want_trap(VECTOR_PF);
                    expect("error code in L2", this_cpu()->l2_trap.error, f->error);
                    expect("CR2 in L2", this_cpu()->l2_trap.cr2, NOT_PRESENT + f->offset);
                    continue;
                }
                want_exit_with(EXIT_EXCEPTION_OR_NMI, NOT_PRESENT + f->offset);
                expect("interruption information", R(EXIT_INTR_INFO) & ~(uint64_t)0x1000, EVENT_VALID | EVENT_HARDWARE | EVENT_ERROR | VECTOR_PF);
                expect("error code", R(EXIT_INTR_ERROR), f->error);
            }
        }
    }
}

// The exit leaves CR2 as it was: the address is in the qualification only.
static void page_fault_keeps_cr2(uint64_t unused)
{
    (void)unused;
    cr2_write(0x1234567);
    l2_start(exception_pf_read);
    W(EXCEPTION_BITMAP, 1u << VECTOR_PF);
    want_exit_with(EXIT_EXCEPTION_OR_NMI, NOT_PRESENT + 0x10);
    expect("CR2", cr2_read(), 0x1234567);
}

static void fetch(uint64_t unused)
{
    (void)unused;
    l2_start(exception_pf_fetch);
    W(EXCEPTION_BITMAP, 1u << VECTOR_PF);
    want_exit_with(EXIT_EXCEPTION_OR_NMI, NOT_PRESENT);
    expect("GUEST_RIP", R(GUEST_RIP), NOT_PRESENT);
    expect("error code, but for I/D", R(EXIT_INTR_ERROR) & ~(uint64_t)0x10, 0);
}

// Single step: #DB after the first NOP, with BS in the qualification; DR6 stays as it was.
static void single_step(uint64_t unused)
{
    (void)unused;
    dr6_write(0xffff0ff0);
    l2_start(exception_step);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_TF);
    W(EXCEPTION_BITMAP, 1u << VECTOR_DB);
    want_exit_with(EXIT_EXCEPTION_OR_NMI, 1 << 14);
    expect("interruption information", R(EXIT_INTR_INFO), EVENT_VALID | EVENT_HARDWARE | VECTOR_DB);
    expect("GUEST_RIP", R(GUEST_RIP), address(exception_step) + 1);
    expect("DR6", dr6_read() & 0xe00f, 0);
}

// Hardware breakpoint on execution, by GUEST_DR7 and DR0.
static void breakpoint(uint64_t unused)
{
    (void)unused;
    NEED(ENTRY, LOAD_DEBUG_CONTROLS);
    dr0_write(address(exception_step) + 1);
    l2_start(exception_step);
    W(GUEST_DR7, 0x402);
    W(EXCEPTION_BITMAP, 1u << VECTOR_DB);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("qualification", R(EXIT_QUALIFICATION) & 0xf, 1);
    expect("GUEST_RIP", R(GUEST_RIP), address(exception_step) + 1);
    expect("DR7 in L1", dr7_read(), 0x400);
}

void exception_tests(void)
{
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        test_row("intercepted", rows[i].name, intercepted, i);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        test_row("not_intercepted", rows[i].name, not_intercepted, i);
    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        test_row("page_fault", faults[i].name, page_fault, i);
    TEST(page_fault_keeps_cr2);
    TEST(fetch);
    TEST(single_step);
    TEST(breakpoint);
}

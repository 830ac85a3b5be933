// SPDX-License-Identifier: BSD-2-Clause
// Task switches of a 32-bit L2: each is a VM exit, but for what faults before (SDM 3C 26.4.2 "Treatment of Task Switches", 28.2.1, 28.2.4).

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "lapic.h"
#include "legacy.h"
#include "x86.h"

void task_tests(void);

#define FAR(name, insn, selector) L2_BYTES(task_##name, ".code32\n\t" insn " $" #selector ", $0\n\tvmcall")
FAR(call, "lcall", 0x68);
FAR(jmp, "ljmp", 0x68);
FAR(call_gate, "lcall", 0x78);
FAR(jmp_gate, "ljmp", 0x78);
FAR(call_busy, "lcall", 0x70);
FAR(jmp_busy, "ljmp", 0x70);
FAR(jmp_gone, "ljmp", 0x80);
FAR(call_short, "lcall", 0x88);
FAR(jmp_gate_gone, "ljmp", 0x90);
FAR(call_gate_bad, "lcall", 0x98);
L2_BYTES(task_iret, ".code32\n\tiret\n\tvmcall");
L2_BYTES(task_int, ".code32\n\tnop\n\tint $0x41\n\tvmcall");
L2_BYTES(task_int3, ".code32\n\tint3\n\tvmcall");
L2_BYTES(task_into, ".code32\n\tinto\n\tvmcall");
L2_BYTES(task_icebp, ".code32\n\t.byte 0xf1\n\tvmcall");
L2_BYTES(task_ud2, ".code32\n\tud2\n\tvmcall");
L2_BYTES(task_gp, ".code32\n\tmov $0xfff8, %eax\n\tmov %eax, %es\n\tvmcall");
L2_BYTES(task_nops, ".code32\n\tnop\n\tnop\n\tnop\n\tvmcall");
#undef FAR

#define FLAG_OF (1ull << 11)
#define FLAG_NT (1ull << 14)
#define FROM_CALL 0u
#define FROM_IRET (1u << 30)
#define FROM_JMP  (2u << 30)
#define FROM_IDT  (3u << 30)

#define CODE_OF(name) task_##name, task_##name##_end
// How one begins.
static const struct row {
    const char *name, *code, *end;
    uint64_t flags;
    uint32_t at;                      // offset of the instruction
    uint32_t gate;                    // the vector whose gate is a task gate; 0: none
    uint32_t inject, error, length;   // an event that VM entry injects
    uint64_t qualification;
    uint32_t vectoring, vectoring_error;
    uint32_t exit_length;             // 0: undefined
} rows[] = {
    { "call", CODE_OF(call), 0, 0, 0, 0, 0, 0, FROM_CALL | SELECTOR_NEXT, 0, 0, 7 },
    { "jmp", CODE_OF(jmp), 0, 0, 0, 0, 0, 0, FROM_JMP | SELECTOR_NEXT, 0, 0, 7 },
    { "call_gate", CODE_OF(call_gate), 0, 0, 0, 0, 0, 0, FROM_CALL | SELECTOR_NEXT, 0, 0, 7 },
    { "jmp_gate", CODE_OF(jmp_gate), 0, 0, 0, 0, 0, 0, FROM_JMP | SELECTOR_NEXT, 0, 0, 7 },
    { "iret", CODE_OF(iret), FLAG_NT, 0, 0, 0, 0, 0, FROM_IRET | SELECTOR_BUSY, 0, 0, 1 },
    { "int", CODE_OF(int), 0, 1, 0x41, 0, 0, 0, FROM_IDT | SELECTOR_NEXT, EVENT_SOFTWARE | 0x41, 0, 2 },
    { "int3", CODE_OF(int3), 0, 0, VECTOR_BP, 0, 0, 0, FROM_IDT | SELECTOR_NEXT, EVENT_SOFTWARE_EXCEPTION | VECTOR_BP, 0, 1 },
    { "into", CODE_OF(into), FLAG_OF, 0, VECTOR_OF, 0, 0, 0, FROM_IDT | SELECTOR_NEXT, EVENT_SOFTWARE_EXCEPTION | VECTOR_OF, 0, 1 },
    { "icebp", CODE_OF(icebp), 0, 0, VECTOR_DB, 0, 0, 0, FROM_IDT | SELECTOR_NEXT, EVENT_PRIVILEGED | VECTOR_DB, 0, 1 },
    { "ud", CODE_OF(ud2), 0, 0, VECTOR_UD, 0, 0, 0, FROM_IDT | SELECTOR_NEXT, EVENT_HARDWARE | VECTOR_UD, 0, 0 },
    { "gp", CODE_OF(gp), 0, 5, VECTOR_GP, 0, 0, 0, FROM_IDT | SELECTOR_NEXT, EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP, 0xfff8, 0 },
    { "injected_external", CODE_OF(nops), FLAG_IF, 0, 0x41, EVENT_EXTERNAL | 0x41, 0, 0, FROM_IDT | SELECTOR_NEXT, EVENT_EXTERNAL | 0x41, 0, 0 },
    { "injected_nmi", CODE_OF(nops), 0, 0, VECTOR_NMI, EVENT_NMI | VECTOR_NMI, 0, 0, FROM_IDT | SELECTOR_NEXT, EVENT_NMI | VECTOR_NMI, 0, 0 },
    { "injected_gp", CODE_OF(nops), 0, 0, VECTOR_GP, EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP, 0x1234, 0, FROM_IDT | SELECTOR_NEXT,
      EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP, 0x1234, 0 },
    { "injected_df", CODE_OF(nops), 0, 0, VECTOR_DF, EVENT_HARDWARE | EVENT_ERROR | VECTOR_DF, 0, 0, FROM_IDT | SELECTOR_NEXT,
      EVENT_HARDWARE | EVENT_ERROR | VECTOR_DF, 0, 0 },
    { "injected_int", CODE_OF(nops), 0, 0, 0x41, EVENT_SOFTWARE | 0x41, 0, 3, FROM_IDT | SELECTOR_NEXT, EVENT_SOFTWARE | 0x41, 0, 3 },
    { "injected_int3", CODE_OF(nops), 0, 0, VECTOR_BP, EVENT_SOFTWARE_EXCEPTION | VECTOR_BP, 0, 2, FROM_IDT | SELECTOR_NEXT,
      EVENT_SOFTWARE_EXCEPTION | VECTOR_BP, 0, 2 },
};

static void begin(const struct row *row)
{
    legacy_start(row->code, row->end);
    legacy_tss(SELECTOR_NOW)[0] = SELECTOR_BUSY;  // the link to the task before
    W(GUEST_RFLAGS, FLAG_FIXED | row->flags);
    if (row->inject) {
        W(ENTRY_INTR_INFO, EVENT_VALID | row->inject);
        W(ENTRY_EXCEPTION_ERROR, row->error);
        W(ENTRY_INSTRUCTION_LENGTH, row->length);
    }
}

static void is_as_before(const struct row *row)
{
    const uint64_t *gdt = this_cpu()->page_b;
    expect("GUEST_RIP", R(GUEST_RIP), address(this_cpu()->low) + row->at);
    expect("TR", R(GUEST_TR_SELECTOR), SELECTOR_NOW);
    expect("type in the TSS's descriptor", gdt[SELECTOR_NEXT / 8] >> 40 & 0xff, 0x89);
    expect("type in the descriptor of the task that runs", gdt[SELECTOR_NOW / 8] >> 40 & 0xff, 0x8b);
    expect("RFLAGS", R(GUEST_RFLAGS) & ~0x10000ull, FLAG_FIXED | row->flags);
    expect("RSP", R(GUEST_RSP), address(this_cpu()->low) + 0x1ff0);
}

static void exits(const struct row *row)
{
    want_exit_with(EXIT_TASK_SWITCH, row->qualification);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & (row->vectoring ? ~0x1000ull : EVENT_VALID), row->vectoring ? EVENT_VALID | row->vectoring : 0);
    if (row->vectoring & EVENT_ERROR)
        expect("its error code", R(IDT_VECTORING_ERROR), row->vectoring_error);
    if (row->exit_length)
        expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), row->exit_length);
    expect("interruption information", R(EXIT_INTR_INFO) & EVENT_VALID, 0);
    expect("the injection's valid bit", R(ENTRY_INTR_INFO) & EVENT_VALID, 0);
    is_as_before(row);
}

static void switches(uint64_t index)
{
    const struct row *row = &rows[index];
    begin(row);
    if (row->gate)
        legacy_task_gate(row->gate, SELECTOR_NEXT);
    exits(row);
}

// An exception that exits itself doesn't get as far as the task gate.
static void exception_first(uint64_t unused)
{
    (void)unused;
    legacy_start(task_ud2, task_ud2_end);
    legacy_task_gate(VECTOR_UD, SELECTOR_NEXT);
    W(EXCEPTION_BITMAP, 1u << VECTOR_UD);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO), EVENT_VALID | EVENT_HARDWARE | VECTOR_UD);
}

// An interrupt from outside, which L1 doesn't take, through L2's task gate: acknowledged, and not delivered.
static void external(uint64_t unused)
{
    (void)unused;
    static const struct row row = { "external", CODE_OF(nops), FLAG_IF, 0, 0x61, 0, 0, 0, FROM_IDT | SELECTOR_NEXT, EVENT_EXTERNAL | 0x61, 0, 0 };
    begin(&row);
    legacy_task_gate(0x61, SELECTOR_NEXT);
    lapic_send(this_cpu()->apic_id, ICR_FIXED | 0x61);
    l2_run();
    lapic_eoi();
    expect("exit reason", this_cpu()->exit.reason, EXIT_TASK_SWITCH);
    expect("exit qualification", R(EXIT_QUALIFICATION), row.qualification);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO), EVENT_VALID | row.vectoring);
    is_as_before(&row);
    // What L1 is told is all that there is: with the event injected again, now through an interrupt gate, L2 gets it.
    legacy_start(task_nops, task_nops_end);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    W(ENTRY_INTR_INFO, R(IDT_VECTORING_INFO));
    (void)want_legacy_trap(0x61);
}

// What is checked before: a fault, with the exception's own error code; of the delivery of what event (SDM 3C 26.4.2).
static const struct refused {
    const char *name, *code, *end;
    uint64_t flags;
    uint32_t link;         // the back link
    uint32_t gate;         // vector 0x41 goes through a task gate there; 0: it has none
    uint32_t inject;
    uint32_t vector, error, vectoring;
} refused[] = {
    { "call_busy", CODE_OF(call_busy), 0, 0, 0, 0, VECTOR_GP, SELECTOR_BUSY, 0 },
    { "jmp_busy", CODE_OF(jmp_busy), 0, 0, 0, 0, VECTOR_GP, SELECTOR_BUSY, 0 },
    { "jmp_gone", CODE_OF(jmp_gone), 0, 0, 0, 0, VECTOR_NP, SELECTOR_TSS_GONE, 0 },
    { "call_short", CODE_OF(call_short), 0, 0, 0, 0, VECTOR_TS, SELECTOR_TSS_SHORT, 0 },
    { "jmp_gate_gone", CODE_OF(jmp_gate_gone), 0, 0, 0, 0, VECTOR_NP, SELECTOR_GATE_GONE, 0 },
    { "call_gate_bad", CODE_OF(call_gate_bad), 0, 0, 0, 0, VECTOR_NP, SELECTOR_TSS_GONE, 0 },
    { "iret_to_idle", CODE_OF(iret), FLAG_NT, SELECTOR_NEXT, 0, 0, VECTOR_TS, SELECTOR_NEXT, 0 },
    { "iret_to_ldt", CODE_OF(iret), FLAG_NT, 0x0c, 0, 0, VECTOR_TS, 0x0c, 0 },
    { "iret_to_nowhere", CODE_OF(iret), FLAG_NT, 0x1000, 0, 0, VECTOR_TS, 0x1000, 0 },
    { "int_busy", CODE_OF(int), 0, 0, SELECTOR_BUSY, 0, VECTOR_GP, SELECTOR_BUSY, EVENT_SOFTWARE | 0x41 },
    { "int_gone", CODE_OF(int), 0, 0, SELECTOR_TSS_GONE, 0, VECTOR_NP, SELECTOR_TSS_GONE, EVENT_SOFTWARE | 0x41 },
    { "int_short", CODE_OF(int), 0, 0, SELECTOR_TSS_SHORT, 0, VECTOR_TS, SELECTOR_TSS_SHORT, EVENT_SOFTWARE | 0x41 },
    { "external_gone", CODE_OF(nops), FLAG_IF, 0, SELECTOR_TSS_GONE, EVENT_EXTERNAL | 0x41, VECTOR_NP, SELECTOR_TSS_GONE | 1, EVENT_EXTERNAL | 0x41 },
    { "external_busy", CODE_OF(nops), FLAG_IF, 0, SELECTOR_BUSY, EVENT_EXTERNAL | 0x41, VECTOR_GP, SELECTOR_BUSY | 1, EVENT_EXTERNAL | 0x41 },
};

static void faults(uint64_t index)
{
    const struct refused *row = &refused[index];
    legacy_start(row->code, row->end);
    legacy_tss(SELECTOR_NOW)[0] = row->link;
    W(GUEST_RFLAGS, FLAG_FIXED | row->flags);
    if (row->gate)
        legacy_task_gate(0x41, (uint16_t)row->gate);
    if (row->inject)
        W(ENTRY_INTR_INFO, EVENT_VALID | row->inject);
    W(EXCEPTION_BITMAP, 1u << VECTOR_TS | 1u << VECTOR_NP | 1u << VECTOR_GP);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO) & ~0x1000ull, EVENT_VALID | EVENT_HARDWARE | EVENT_ERROR | row->vector);
    expect("error code", R(EXIT_INTR_ERROR), row->error);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & (row->vectoring ? ~0x1000ull : EVENT_VALID), row->vectoring ? EVENT_VALID | row->vectoring : 0);
}

// The gate can't be read before EPT12 allows it; L1 then injects the event again, and it is the task switch's.
static void idt_in_the_window(uint64_t unused)
{
    (void)unused;
    NEED(PROC2, ENABLE_EPT);
    legacy_start(task_int, task_int_end);
    legacy_task_gate(0x41, SELECTOR_NEXT);
    W(GUEST_IDTR_BASE, LEGACY_WINDOW);
    want_exit(EXIT_EPT_VIOLATION);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), LEGACY_WINDOW + 0x41 * 8);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO), EVENT_VALID | EVENT_SOFTWARE | 0x41);
    ept12_map(0, address(this_cpu()->page_c) | EPT_ALL | EPT_WB);
    W(ENTRY_INTR_INFO, R(IDT_VECTORING_INFO));
    W(ENTRY_INSTRUCTION_LENGTH, R(EXIT_INSTRUCTION_LENGTH));
    want_exit_with(EXIT_TASK_SWITCH, FROM_IDT | SELECTOR_NEXT);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO), EVENT_VALID | EVENT_SOFTWARE | 0x41);
    expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), 2);
}

static void into_window(uint16_t selector, uint64_t base)
{
    uint64_t *descriptor = &this_cpu()->page_b[selector / 8];
    *descriptor = (*descriptor & ~0xff0000ffffff0000ull) | (base & 0xffffff) << 16 | base >> 24 << 56;
}

// The new task's TSS is not looked at before the exit: an EPT12 that hasn't it is L1's to know about.
static void tss_in_the_window(uint64_t index)
{
    NEED(PROC2, ENABLE_EPT);
    const struct row *row = &rows[index];
    begin(row);
    into_window(SELECTOR_NEXT, LEGACY_WINDOW);
    into_window(SELECTOR_BUSY, LEGACY_WINDOW);
    if (row->gate)
        legacy_task_gate(row->gate, SELECTOR_NEXT);
    exits(row);
}

// The one of the task that runs is: it has the link that an IRET goes back by.
static void link_in_the_window(uint64_t unused)
{
    (void)unused;
    NEED(PROC2, ENABLE_EPT);
    legacy_start(task_iret, task_iret_end);
    legacy_tss(SELECTOR_NOW)[0] = SELECTOR_BUSY;
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_NT);
    const uint64_t at = LEGACY_WINDOW + (address(legacy_tss(SELECTOR_NOW)) & 0xfff);
    W(GUEST_TR_BASE, at);
    want_exit(EXIT_EPT_VIOLATION);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), at);
    expect("a read", R(EXIT_QUALIFICATION) & 7, 1);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & EVENT_VALID, 0);
    expect("GUEST_RIP", R(GUEST_RIP), address(this_cpu()->low));
    ept12_map(0, address(this_cpu()->page_b) | EPT_ALL | EPT_WB);
    want_exit_with(EXIT_TASK_SWITCH, FROM_IRET | SELECTOR_BUSY);
}

// L1 does what the switch is: L2 goes on in the new task, and an IRET comes back from it.
static void carried_out(uint64_t unused)
{
    (void)unused;
    legacy_start(task_call, task_call_end);
    want_exit_with(EXIT_TASK_SWITCH, FROM_CALL | SELECTOR_NEXT);
    const uint64_t behind = R(GUEST_RIP) + R(EXIT_INSTRUCTION_LENGTH), now = R(GUEST_TR_BASE);
    uint32_t *next = legacy_tss(SELECTOR_NEXT);
    next[0] = SELECTOR_NOW;
    this_cpu()->page_b[SELECTOR_NEXT / 8] |= 2ull << 40;  // busy
    W(GUEST_TR_SELECTOR, SELECTOR_NEXT);
    W(GUEST_TR_BASE, address(next));
    W(GUEST_TR_LIMIT, 0x67);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_NT);
    W(GUEST_CR0, R(GUEST_CR0) | CR0_TS);
    W(GUEST_RIP, address(legacy_return));
    want_exit_with(EXIT_TASK_SWITCH, FROM_IRET | SELECTOR_NOW);
    expect("TR", R(GUEST_TR_SELECTOR), SELECTOR_NEXT);
    W(GUEST_TR_SELECTOR, SELECTOR_NOW);
    W(GUEST_TR_BASE, now);
    W(GUEST_TR_LIMIT, 0x3ff);
    W(GUEST_RFLAGS, FLAG_FIXED);
    W(GUEST_RIP, behind);
    want_exit(EXIT_VMCALL);
    expect("GUEST_RIP", R(GUEST_RIP), behind);
}

void task_tests(void)
{
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        test_row("switches", rows[i].name, switches, i);
    TEST(exception_first);
    TEST(external);
    for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        test_row("faults", refused[i].name, faults, i);
    TEST(idt_in_the_window);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        test_row("tss_in_the_window", rows[i].name, tss_in_the_window, i);
    TEST(link_in_the_window);
    TEST(carried_out);
}

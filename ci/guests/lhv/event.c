// SPDX-License-Identifier: BSD-2-Clause
// Event injection and IDT-vectoring (SDM 3C 27.6 "Event Injection", 28.2.4 "Information for VM Exits During Event Delivery").

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "trap.h"
#include "x86.h"

void event_tests(void);

L2(event_nop, ".fill 16, 1, 0x90");  // as long as a software event's instruction may be
L2(event_cpuid, "cpuid");
L2(event_int80, "int $0x80");
L2(event_int3, "int3");
L2(event_ud2, "ud2");
L2(event_gp, "mov $0x800000000000, %rax\n\tmov (%rax), %rax");
L2(event_icebp, ".byte 0xf1");

static void inject(uint32_t information, uint32_t error, uint32_t length)
{
    W(ENTRY_INTR_INFO, information | EVENT_VALID);
    W(ENTRY_EXCEPTION_ERROR, error);
    W(ENTRY_INSTRUCTION_LENGTH, length);
}

// Every kind of event through L2's IDT: vector, error code, and the RIP that it pushes.
static const struct injected {
    const char *name;
    uint32_t information, error, length;  // length: added to RIP for software events
    bool if_needed;
} injected[] = {
    { "external", EVENT_EXTERNAL | 0x31, 0, 0, true },
    { "external_ff", EVENT_EXTERNAL | 0xff, 0, 0, true },
    { "nmi", EVENT_NMI | VECTOR_NMI, 0, 0, false },
    { "de", EVENT_HARDWARE | VECTOR_DE, 0, 0, false },
    { "db", EVENT_HARDWARE | VECTOR_DB, 0, 0, false },
    { "ud", EVENT_HARDWARE | VECTOR_UD, 0, 0, false },
    { "nm", EVENT_HARDWARE | VECTOR_NM, 0, 0, false },
    { "df", EVENT_HARDWARE | EVENT_ERROR | VECTOR_DF, 0, 0, false },
    { "ts", EVENT_HARDWARE | EVENT_ERROR | VECTOR_TS, 0x18, 0, false },
    { "np", EVENT_HARDWARE | EVENT_ERROR | VECTOR_NP, 0x20, 0, false },
    { "ss", EVENT_HARDWARE | EVENT_ERROR | VECTOR_SS, 0x28, 0, false },
    { "gp", EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP, 0x1234, 0, false },
    { "pf", EVENT_HARDWARE | EVENT_ERROR | VECTOR_PF, 0x5, 0, false },
    { "pf_sgx", EVENT_HARDWARE | EVENT_ERROR | VECTOR_PF, 0x8007, 0, false },  // bit 15, which came with SGX; older CPUs refuse it
    { "mf", EVENT_HARDWARE | VECTOR_MF, 0, 0, false },
    { "ac", EVENT_HARDWARE | EVENT_ERROR | VECTOR_AC, 0, 0, false },
    { "mc", EVENT_HARDWARE | 18, 0, 0, false },
    { "int80", EVENT_SOFTWARE | 0x80, 0, 2, false },
    { "int80_long", EVENT_SOFTWARE | 0x80, 0, 15, false },
    { "int21", EVENT_SOFTWARE | 0x21, 0, 1, false },
    { "bp", EVENT_SOFTWARE_EXCEPTION | VECTOR_BP, 0, 1, false },
    { "of", EVENT_SOFTWARE_EXCEPTION | VECTOR_OF, 0, 1, false },
    { "icebp", EVENT_PRIVILEGED | VECTOR_DB, 0, 1, false },
};

static void delivered(uint64_t row)
{
    const struct injected *e = &injected[row];
    const struct trap *t = &this_cpu()->l2_trap;
    l2_start(event_nop);
    if (e->if_needed)
        W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    inject(e->information, e->error, e->length);
    want_trap(e->information & 0xff);
    expect("error code", t->error, e->information & EVENT_ERROR ? e->error : 0);
    expect("RIP pushed", t->rip, address(event_nop) + e->length);
    expect("RFLAGS pushed", t->rflags & ~(uint64_t)0x10000, FLAG_FIXED | (e->if_needed ? FLAG_IF : 0));
    expect("the injection's valid bit", R(ENTRY_INTR_INFO) & EVENT_VALID, 0);
    expect("IF in the handler", R(GUEST_RFLAGS) & FLAG_IF, 0);
    want_end();
    expect("how often", t->count, 1);
}

// Where the handler's gate can't be reached the exit says which event was being delivered.
static void vectored(uint64_t row)
{
    const struct injected *e = &injected[row];
    // The IDT lies in the window, which EPT12 maps nowhere.
    NEED(PROC2, ENABLE_EPT);
    l2_start(event_nop);
    W(GUEST_IDTR_BASE, WINDOW_LINEAR);
    if (e->if_needed)
        W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    inject(e->information, e->error, e->length);
    want_exit(EXIT_EPT_VIOLATION);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR), WINDOW_PHYSICAL + (e->information & 0xff) * 16);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), WINDOW_LINEAR + (e->information & 0xff) * 16);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & ~(uint64_t)0x1000, e->information | EVENT_VALID);
    if (e->information & EVENT_ERROR)
        expect("its error code", R(IDT_VECTORING_ERROR), e->error);
    if (e->length)
        expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), e->length);
    expect("GUEST_RIP", R(GUEST_RIP), address(event_nop));
    expect("the injection's valid bit", R(ENTRY_INTR_INFO) & EVENT_VALID, 0);
    // Once more with the gate there, as a VMM does it: it reaches L2.
    if (e->information == (EVENT_NMI | VECTOR_NMI))
        W(GUEST_INTERRUPTIBILITY, R(GUEST_INTERRUPTIBILITY) & ~(uint64_t)BLOCKED_NMI);
    inject(e->information, e->error, e->length);
    ept12_map(0, address(l2_idt) | EPT_WB | EPT_ALL);
    want_trap(e->information & 0xff);
    expect("RIP pushed", this_cpu()->l2_trap.rip, address(event_nop) + e->length);
    want_end();
}

// What L2 raises itself, with its IDT out of reach.
static const struct raised { const char *name, *code; uint32_t information, error, length; } raised[] = {
    { "int80", event_int80, EVENT_SOFTWARE | 0x80, 0, 2 },
    { "int3", event_int3, EVENT_SOFTWARE_EXCEPTION | VECTOR_BP, 0, 1 },
    { "icebp", event_icebp, EVENT_PRIVILEGED | VECTOR_DB, 0, 1 },
    { "ud", event_ud2, EVENT_HARDWARE | VECTOR_UD, 0, 0 },
    { "gp", event_gp, EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP, 0, 0 },
};

static void raised_vectored(uint64_t row)
{
    const struct raised *e = &raised[row];
    NEED(PROC2, ENABLE_EPT);
    l2_start(e->code);
    W(GUEST_IDTR_BASE, WINDOW_LINEAR);
    want_exit(EXIT_EPT_VIOLATION);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & ~(uint64_t)0x1000, e->information | EVENT_VALID);
    if (e->information & EVENT_ERROR)
        expect("its error code", R(IDT_VECTORING_ERROR), e->error);
    if (e->length)
        expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), e->length);
    expect("GUEST_RIP", R(GUEST_RIP), address(e->code) + (e->code == event_gp ? 10 : 0));
}

// An exception in the delivery of another that exits: what was delivered is in the IDT-vectoring fields.
static void exception_in_delivery(uint64_t unused)
{
    (void)unused;
    l2_start(event_nop);
    W(EXCEPTION_BITMAP, 1u << VECTOR_GP);
    W(GUEST_IDTR_LIMIT, 0x7f);
    inject(EVENT_HARDWARE | VECTOR_MF, 0, 0);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO) & ~(uint64_t)0x1000, EVENT_VALID | EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP);
    expect("error code: IDT, external, index", R(EXIT_INTR_ERROR), VECTOR_MF * 8 + 2 + 1);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & ~(uint64_t)0x1000, EVENT_VALID | EVENT_HARDWARE | VECTOR_MF);
}

// An event wakes a CPU before it is delivered (SDM 3C 28.1 "Architectural State Before a VM Exit").
static void wakes_before_delivery(uint64_t unused)
{
    (void)unused;
    NEED(PROC2, ENABLE_EPT);
    l2_start(event_nop);
    W(GUEST_ACTIVITY_STATE, HALTED);
    W(GUEST_IDTR_BASE, WINDOW_LINEAR);
    inject(EVENT_NMI | VECTOR_NMI, 0, 0);
    want_exit(EXIT_EPT_VIOLATION);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO), EVENT_VALID | EVENT_NMI | VECTOR_NMI);
    expect("activity state", R(GUEST_ACTIVITY_STATE), ACTIVE);
}

static void double_fault(uint64_t unused)
{
    (void)unused;
    l2_start(event_nop);
    W(EXCEPTION_BITMAP, 1u << VECTOR_DF);
    W(GUEST_IDTR_LIMIT, 0x8f);  // up to #DF
    inject(EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP, 0, 0);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO) & ~(uint64_t)0x1000, EVENT_VALID | EVENT_HARDWARE | EVENT_ERROR | VECTOR_DF);
    // A double fault that exits directly isn't an exit during delivery (SDM 3C 28.2.4).
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & EVENT_VALID, 0);
}

static void triple_fault(uint64_t unused)
{
    (void)unused;
    l2_start(event_ud2);
    W(GUEST_IDTR_LIMIT, 0);
    want_exit(EXIT_TRIPLE_FAULT);
    expect("GUEST_RIP", R(GUEST_RIP), address(event_ud2));
    // L1 goes on, and may run it again.
    W(GUEST_IDTR_LIMIT, 0xfff);
    want_trap(VECTOR_UD);
}

// An injected event isn't subject to the exception bitmap, NMI exiting, or IF (SDM 3C 27.6.1 "Vectored-Event Injection").
static void injection_is_not_intercepted(uint64_t unused)
{
    (void)unused;
    l2_start(event_nop);
    W(EXCEPTION_BITMAP, ~0u);
    inject(EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP, 7, 0);
    want_trap(VECTOR_GP);
    want_end();
}

static void nmi_injection_with_nmi_exiting(uint64_t unused)
{
    (void)unused;
    NEED(PIN, NMI_EXITING);
    l2_start(event_nop);
    inject(EVENT_NMI | VECTOR_NMI, 0, 0);
    want_trap(VECTOR_NMI);
    want_end();
}

// An MTF exit can be injected, and is pending before L2's first instruction.
static void mtf_injected(uint64_t unused)
{
    (void)unused;
    if (!HAS(PROC, MONITOR_TRAP_FLAG))
        test_skip("not offered: MONITOR_TRAP_FLAG");
    l2_start(event_cpuid);
    inject(EVENT_OTHER, 0, 0);
    want_exit(EXIT_MONITOR_TRAP);
    expect("GUEST_RIP", R(GUEST_RIP), address(event_cpuid));
    want_exit(EXIT_CPUID);
}

// It is the one before the first instruction, also with the monitor trap flag (SDM 3C 27.6.2 "Injection of Pending MTF VM Exits"); which has its own behind that.
static void mtf_injected_and_stepped(uint64_t unused)
{
    (void)unused;
    NEED(PROC, MONITOR_TRAP_FLAG);
    l2_start(event_nop);
    inject(EVENT_OTHER, 0, 0);
    want_exit(EXIT_MONITOR_TRAP);
    expect("instructions before it", R(GUEST_RIP) - address(event_nop), 0);
    want_exit(EXIT_MONITOR_TRAP);
    expect("then", R(GUEST_RIP) - address(event_nop), 1);
}

// No event is delivered by it, so that it leaves blocking as it is (SDM 3C 27.7.1 "Interruptibility State").
static void mtf_injected_while_blocked(uint64_t blocking)
{
    if (!HAS(PROC, MONITOR_TRAP_FLAG))
        test_skip("not offered: MONITOR_TRAP_FLAG");
    l2_start(event_cpuid);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    W(GUEST_INTERRUPTIBILITY, blocking);
    inject(EVENT_OTHER, 0, 0);
    want_exit(EXIT_MONITOR_TRAP);
    expect("GUEST_RIP", R(GUEST_RIP), address(event_cpuid));
    expect("interruptibility", R(GUEST_INTERRUPTIBILITY), blocking);
}

// Pending debug exceptions are delivered at entry.
static void pending_debug(uint64_t unused)
{
    (void)unused;
    l2_start(event_nop);
    W(GUEST_PENDING_DEBUG, 1u << 12 | 1);  // enabled breakpoint, B0
    W(EXCEPTION_BITMAP, 1u << VECTOR_DB);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO), EVENT_VALID | EVENT_HARDWARE | VECTOR_DB);
    expect("qualification: B0", R(EXIT_QUALIFICATION) & 0xf, 1);
    expect("GUEST_RIP", R(GUEST_RIP), address(event_nop));
}

void event_tests(void)
{
    for (unsigned i = 0; i < sizeof(injected) / sizeof(injected[0]); i++)
        test_row("delivered", injected[i].name, delivered, i);
    for (unsigned i = 0; i < sizeof(injected) / sizeof(injected[0]); i++)
        test_row("vectored", injected[i].name, vectored, i);
    for (unsigned i = 0; i < sizeof(raised) / sizeof(raised[0]); i++)
        test_row("raised_vectored", raised[i].name, raised_vectored, i);
    TEST(exception_in_delivery);
    TEST(wakes_before_delivery);
    TEST(double_fault);
    TEST(triple_fault);
    TEST(injection_is_not_intercepted);
    TEST(nmi_injection_with_nmi_exiting);
    TEST(mtf_injected);
    TEST(mtf_injected_and_stepped);
    test_row("mtf_injected_while_blocked", "sti", mtf_injected_while_blocked, BLOCKED_STI);
    test_row("mtf_injected_while_blocked", "mov_ss", mtf_injected_while_blocked, BLOCKED_MOV_SS);
    TEST(pending_debug);
}

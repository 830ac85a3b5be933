// SPDX-License-Identifier: BSD-2-Clause
// PALs of L2s that are systems of 32 bits: 32-bit paging and PAE, with EPT and without.

#include <caps/addr.h>
#include <trustvisor/abi.h>

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "lapic.h"
#include "pal_program.h"
#include "x86.h"

void pal_mode_tests(void);

L2_BYTES(pal_mode_vmcall, ".code32\n\tvmcall\n\tvmcall");
L2_BYTES(pal_mode_call, ".code32\n\tcall *%eax\n\tvmcall");
L2_BYTES(pal_mode_read, ".code32\n\tmov (%esi), %eax\n\tvmcall");
// The PAL: its first argument, plus the word that the second one points to, which goes up by one, after as many rounds as the third one says. It leaves
// something in each register that is its own.
L2_BYTES(pal_mode_add, ".code32\n\tmov 12(%esp), %ecx\n\t1: loop 1b\n\tmov 8(%esp), %edx\n\tmov 4(%esp), %eax\n\tadd (%edx), %eax\n\tincl (%edx)\n\tdec %ecx\n\tret");

#define VECTOR       0x63
#define TIMER_COUNT  0x380
#define TIMER_DIVIDE 0x3e0
#define TIMER_TICKS  30000u  // as in pal.c
#define TIMER_TRIES  4
#define STACK_AT     0x1f00u // in the CPU's place below 1 MiB: behind it lie the arguments
#define PDPT_AT      8u      // entries: not at the page's beginning
#define CR4_PSE      (1ull << 4)

static const char *const row_name[] = { "paging_32", "pae", "paging_32_no_ept", "pae_no_ept" };
#define WITHOUT(row) ((row) >= 2)
#define IS_PAE(row)  ((row) & 1)

static uint32_t *arguments(void) { return (uint32_t *)(void *)(this_cpu()->low + STACK_AT); }

// Page tables in page A, those of L1 below them; and pointers to the same once more, in the same page.
static uint64_t tables(uint64_t row)
{
    struct cpu *c = this_cpu();
    if (!IS_PAE(row)) {
        for (uint32_t i = 0; i < 1024; i++)
            ((uint32_t *)(void *)c->page_a)[i] = i << 22 | 0x87;
        return address(c->page_a);
    }
    const uint64_t *gigabytes = (const uint64_t *)(uintptr_t)(c->page_root[0] & 0xffffffffff000);
    for (unsigned i = 0; i < 4; i++)
        c->page_a[PDPT_AT + i] = c->page_a[PDPT_AT + 4 + i] = (gigabytes[i] & 0xffffffffff000) | 1;
    return address(&c->page_a[PDPT_AT]);
}

static void set_cr3(uint64_t row, uint64_t cr3)
{
    W(GUEST_CR3, cr3);
    for (unsigned i = 0; i < 4 && IS_PAE(row) && !WITHOUT(row); i++)
        vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + i), this_cpu()->page_a[PDPT_AT + i]);
}

// L2's system, and its program at privilege level 3.
static void prepare(uint64_t row)
{
    if (!program_found(IN_L2))
        test_skip("no trustvisor");
    if (!WITHOUT(row))
        NEED(PROC2, ENABLE_EPT);
    else if (HAS(PROC, SECONDARY_CONTROLS))
        CLEAR(PROC2, ENABLE_EPT);
    l2_user();
    l2_protected_32();
    l2_segment(SEGMENT_CS, SELECTOR_USER_CODE, 0, 0xffffffff, RIGHTS_CODE32 | RIGHTS_USER);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    W(GUEST_CR4, IS_PAE(row) ? R(GUEST_CR4) : (R(GUEST_CR4) & ~CR4_PAE) | CR4_PSE);
    set_cr3(row, tables(row));
}

static void begins(const char *code, const char *end)
{
    W(GUEST_RIP, l2_low(code, end));
    W(GUEST_RSP, address(arguments()));
}
#define BEGINS(code) begins(code, code##_end)

static uint32_t hypercall(uint32_t number, uint64_t ecx, uint64_t esi, uint64_t edi)
{
    BEGINS(pal_mode_vmcall);
    GPR(RAX) = TV_CALL_L2_OFFSET + number;
    GPR(RCX) = ecx;
    GPR(RSI) = esi;
    GPR(RDI) = edi;
    want_exit(EXIT_VMCALL);
    expect("GUEST_RIP: behind the hypercall", R(GUEST_RIP), address(this_cpu()->low) + 3);
    return (uint32_t)GPR(RAX);
}

static uint32_t unregister(void) { return hypercall(TV_CALL_UNREGISTER, told()->call.entry, 0, 0); }

// A page each of code, data, stack and parameters.
static void opens(void)
{
    struct cpu *c = this_cpu();
    struct told *t = told();
    static const uint32_t type[] = { TV_SECTION_CODE, TV_SECTION_DATA, TV_SECTION_STACK, TV_SECTION_PARAM };
    for (unsigned i = 0; i < 4 * PAGE_BYTES; i++)
        c->pal[i] = 0x90;
    for (const char *p = pal_mode_add; p < pal_mode_add_end; p++)
        c->pal[p - pal_mode_add] = (uint8_t)*p;
    for (unsigned i = 0; i < 4; i++)
        t->sections.section[i] = (struct tv_section){ type[i], 1, address(c->pal) + i * PAGE_BYTES };
    t->sections.count = 4;
    program_param(0, TV_PARAM_INTEGER, 1);
    program_param(1, TV_PARAM_POINTER, 2);
    program_param(2, TV_PARAM_INTEGER, 1);
    t->call.entry = address(c->pal);
    expect("registration", hypercall(TV_CALL_REGISTER, address(&t->sections), address(&t->params), t->call.entry), TV_OK);
}

static void shuts(void)
{
    expect("unregistration", unregister(), TV_OK);
    expect("and once", unregister() != TV_OK, 1);
    for (unsigned i = PAGE_BYTES; i < 4 * PAGE_BYTES; i++)
        expect("what it could write", this_cpu()->pal[i], 0);
}

// Calls it; how many interrupts there were on the way. A call that isn't known again, once it was interrupted, would never end: so another timer.
static unsigned calls(uint32_t rounds)
{
    struct cpu *c = this_cpu();
    volatile uint32_t *word = (volatile uint32_t *)(void *)c->data;
    unsigned interrupts = 0;
    word[0] = 20;
    word[1] = word[2] = 0x6a6a6a6a;
    BEGINS(pal_mode_call);
    arguments()[0] = 10;
    arguments()[1] = (uint32_t)address(word);
    arguments()[2] = rounds;
    GPR(RAX) = told()->call.entry;
    GPR(RBX) = 0xb;
    for (l2_run(); c->exit.failed == 0 && c->exit.reason == EXIT_EXTERNAL_INTERRUPT; l2_run()) {
        const uint64_t rip = R(GUEST_RIP);
        interrupts_on_once();
        c->interrupt.rip = rip;
        lapic_write(TIMER_COUNT, 64 * rounds);
        if (interrupts++ > 0)
            test_fail("interrupts", interrupts, 1);
        GPR(R8) = GPR(R12) = 0x1000 + interrupts;  // which the L2 doesn't have: they aren't of its call
    }
    lapic_write(TIMER_COUNT, 0);
    expect("VM entry", (uint64_t)c->exit.failed, 0);
    expect("exit reason", c->exit.reason, EXIT_VMCALL);
    expect("GUEST_RIP: behind the call", R(GUEST_RIP), address(c->low) + 2);
    expect("GUEST_RSP", R(GUEST_RSP), address(arguments()));
    expect("10 and 20", GPR(RAX), 30);
    expect("one more", word[0], 21);
    expect("behind it", word[1], 0x6a6a6a6a);
    expect("EBX", GPR(RBX), 0xb);
    expect("ECX and EDX", GPR(RCX) | GPR(RDX), 0);
    return interrupts;
}

// Its life.
static void lives(uint64_t row)
{
    prepare(row);
    opens();
    calls(1);
    calls(1);
    for (unsigned i = 0; i < 4 * PAGE_BYTES; i += 256) {
        BEGINS(pal_mode_read);
        GPR(RSI) = address(this_cpu()->pal) + i;
        want_exit(EXIT_VMCALL);
        expect("a word of the PAL's", GPR(RAX), 0xffffffff);
    }
    shuts();
}

// An interrupt of L1's finds the program at its call, and the PAL goes on.
static void interrupted(uint64_t row)
{
    uint32_t ticks = TIMER_TICKS;
    prepare(row);
    NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
    opens();
    lapic_write(TIMER_DIVIDE, 0xb);  // by 1
    lapic_write(LAPIC_LVT_TIMER, VECTOR);
    for (unsigned i = 0; i < TIMER_TRIES; i++, ticks *= 8) {
        lapic_write(TIMER_COUNT, ticks);
        expect("an interrupt", calls(8 * ticks), 1);
        if (this_cpu()->interrupt.rip == told()->call.entry)
            break;
    }
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
    expect("GUEST_RIP: at the call", this_cpu()->interrupt.rip, told()->call.entry);
    shuts();
}

// Whose it is: bits of CR3 that are ignored don't matter, where the tables are does.
static void identity(uint64_t row)
{
    prepare(row);
    opens();
    const uint64_t cr3 = R(GUEST_CR3);
    set_cr3(row, cr3 | 0x18);
    calls(1);
    if (IS_PAE(row)) {
        set_cr3(row, cr3 + 0x20);
        expect("unregistration by another system", unregister() != TV_OK, 1);
    }
    set_cr3(row, cr3);
    shuts();
}

void pal_mode_tests(void)
{
    static const struct { const char *name; void (*test)(uint64_t); } test[] = { { "lives", lives }, { "interrupted", interrupted }, { "identity", identity } };
    for (uint64_t row = 0; row < sizeof(row_name) / sizeof(row_name[0]); row++)
        for (unsigned i = 0; i < sizeof(test) / sizeof(test[0]); i++)
            test_row(test[i].name, row_name[row], test[i].test, row);
}

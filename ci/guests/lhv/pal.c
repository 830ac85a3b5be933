// SPDX-License-Identifier: BSD-2-Clause
// PALs without an operating system: a program of L1's at privilege level 3, or one that is an L2, registers and calls them.

#include <caps/addr.h>
#include <trustvisor/vmcall.h>

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "lapic.h"
#include "options.h"
#include "pal_code.h"
#include "pal_program.h"
#include "trap.h"
#include "user.h"
#include "x86.h"

void pal_tests(void);

L2(pal_vmcall, "vmcall");
L2(pal_call, "call *%rax");
L2(pal_read, "mov (%rsi), %rax");
L2(pal_cpuid, "cpuid");
L2(pal_jump, "push %rbx\n\tjmp *%rax");

#define VECTOR       0x62
#define TIMER_COUNT  0x380
#define TIMER_DIVIDE 0x3e0
#define TIMER_TICKS  30000u  // it takes many more for the PAL to spin, and fewer to get there: where it doesn't, it is tried again with eight times as many
#define TIMER_TRIES  4
#define ITERATIONS   3
#define ARRAYS       5
#define LENGTH       100
#define NOWHERE      0x123456789abcdef0ull  // not canonical

const char *const where_name[] = { [IN_L1] = "l1", [IN_L2] = "l2", [ABOVE] = "above" };
static uint64_t offset(uint64_t where) { return where == IN_L1 ? 0 : TV_CALL_L2_OFFSET; }

typedef uintptr_t ten_t(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);

// At privilege level 3: to a PAL that is to return to nowhere.
static uint64_t make_jump(uint64_t entry)
{
    __asm__ volatile("push %0\n\tjmp *%1" : : "r"(NOWHERE), "r"(entry) : "memory");
    return 0;
}

// At privilege level 3.
static uint64_t make_call(uint64_t at)
{
    const struct call *c = (const struct call *)(uintptr_t)at;
    return ((ten_t *)c->entry)(c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5], c->a[6], c->a[7], c->a[8], c->a[9]);
}

// xorshift64: any sequence will do.
static uint64_t random_word(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

struct told *told(void) { return (struct told *)(void *)this_cpu()->page_c; }
_Static_assert(sizeof(struct told) <= PAGE_BYTES, "a page");

static void l2_program(const char *code)
{
    l2_user();
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    W(GUEST_RSP, address(this_cpu()->l2_stack) - 16);
    l2_start(code);
}

static uint64_t hypercall(uint64_t where, uint64_t number, uint64_t ecx, uint64_t esi, uint64_t edi)
{
    if (where != IN_L2)
        return tv_vmcall(offset(where) + number, ecx, 0, esi, edi);
    GPR(RAX) = offset(where) + number;
    GPR(RCX) = ecx;
    GPR(RDX) = 0;
    GPR(RSI) = esi;
    GPR(RDI) = edi;
    l2_program(pal_vmcall);
    want_exit(EXIT_VMCALL);
    expect("GUEST_RIP: behind the hypercall", R(GUEST_RIP), address(pal_vmcall) + 3);
    return GPR(RAX);
}

// What is between the lowest of the PALs' addresses and two pages further is all of them.
static uint64_t code_first(void)
{
    const uint64_t at[] = { CODE(pal_add), CODE(pal_10_int), CODE(pal_10_ptr), CODE(pal_5_ptr), CODE(pal_spin), CODE(pal_secret), CODE(pal_keep) };
    uint64_t first = at[0];
    for (unsigned i = 1; i < sizeof(at) / sizeof(at[0]); i++)
        first = at[i] < first ? at[i] : first;
    return first;
}

bool program_found(uint64_t where)
{
    uint32_t present = 0, flags;
    if (where != IN_L2) {
        (void)tv_cpuid((uint32_t)offset(where), &present, &flags);
        return present;
    }
    GPR(RAX) = TV_CPUID;
    GPR(RCX) = offset(where);
    l2_program(pal_cpuid);
    l2_run();  // without trustvisor every CPUID exits
    return this_cpu()->exit.failed == 0 && this_cpu()->exit.reason == EXIT_VMCALL && (uint32_t)GPR(RAX) == TV_CPUID_ANSWER;
}

// A page each of data and stack, two of code and of parameters.
void program_open(uint64_t where, uint64_t function)
{
    static const struct { uint32_t type, pages; } kind[] = { { TV_SECTION_CODE, CODE_PAGES }, { TV_SECTION_DATA, 1 }, { TV_SECTION_STACK, 1 }, { TV_SECTION_PARAM, 2 } };
    if (!program_found(where))
        test_skip("no trustvisor");
    struct told *t = told();
    uint64_t *page = (uint64_t *)(void *)this_cpu()->pal, at = address(page);
    const uint64_t *code = (const uint64_t *)(uintptr_t)(code_first() & ~7ull);
    for (unsigned i = 0; i < PAL_PAGES * PAGE_BYTES / 8; i++)
        page[i] = i < CODE_PAGES * PAGE_BYTES / 8 ? code[i] : 0x9090909090909090;
    t->sections.count = 4;
    for (unsigned i = 0; i < 4; at += kind[i++].pages * PAGE_BYTES)
        t->sections.section[i] = (struct tv_section){ kind[i].type, kind[i].pages, at };
    t->call.entry = address(page) + function - address(code);
    expect("it fits", function - address(code) < CODE_PAGES * PAGE_BYTES - 512, 1);
    expect("registration", hypercall(where, TV_CALL_REGISTER, address(&t->sections), address(&t->params), t->call.entry), TV_OK);
}

void program_param(unsigned i, uint32_t type, uint64_t words)
{
    told()->params.param[i] = (struct tv_param){ type, 0, words };
    told()->params.count = i + 1;
}

void program_shut(uint64_t where)
{
    const uint64_t *page = (const uint64_t *)(const void *)this_cpu()->pal;
    expect("unregistration", hypercall(where, TV_CALL_UNREGISTER, told()->call.entry, 0, 0), TV_OK);
    expect("and once", hypercall(where, TV_CALL_UNREGISTER, told()->call.entry, 0, 0) != TV_OK, 1);
    for (unsigned i = CODE_PAGES * PAGE_BYTES / 8; i < PAL_PAGES * PAGE_BYTES / 8; i++)
        expect("what it could write", page[i], 0);
    expect("its code", page[0], *(const uint64_t *)(uintptr_t)(code_first() & ~7ull));
}

void program_call_begins(void)
{
    GPR(RAX) = CODE(make_call);
    GPR(RDI) = address(&told()->call);
    l2_program(pal_call);
}

// The call, with L2's interrupts on the way: as many as came are in *interrupts.
static uint64_t call(uint64_t where, unsigned *interrupts)
{
    struct cpu *c = this_cpu();
    const uint64_t at = address(&told()->call);
    if (where != IN_L2) {
        c->caught.vector = NO_VECTOR;
        c->catch_rip = address(user_faulted);
        const uint64_t result = user_run(make_call, at, c->l2_stack - 16);
        c->catch_rip = 0;
        expect("no exception but", c->caught.vector, NO_VECTOR);
        *interrupts = (unsigned)c->interrupt.count;
        return result;
    }
    program_call_begins();
    for (*interrupts = 0;; ++*interrupts) {
        l2_run();
        if (c->exit.failed != 0 || c->exit.reason != EXIT_EXTERNAL_INTERRUPT)
            break;
        const uint64_t rip = R(GUEST_RIP);
        interrupts_on_once();
        c->interrupt.rip = rip;
    }
    expect("VM entry", (uint64_t)c->exit.failed, 0);
    expect("exit reason", c->exit.reason, EXIT_VMCALL);
    expect("GUEST_RIP: behind the call", R(GUEST_RIP), address(pal_call) + 2);
    return GPR(RAX);
}

uint64_t program_call(uint64_t where)
{
    unsigned interrupts;
    return call(where, &interrupts);
}

// By name of the demo programs: main.
static void add(uint64_t where)
{
    uint64_t *word = &this_cpu()->data[8];
    program_param(0, TV_PARAM_INTEGER, 1);
    program_param(1, TV_PARAM_POINTER, 4);
    program_open(where, CODE(pal_add));
    for (unsigned i = 0; i < ITERATIONS; i++) {
        word[-1] = word[4] = GUARD;
        word[0] = 20 + i;
        told()->call.a[0] = MUST_BE_PAL | 10;
        told()->call.a[1] = address(word);
        expect("10 and 20", program_call(where), 30 + i);
        expect("one more", word[0], 21 + i);
        expect("before it", word[-1], GUARD);
        expect("behind it", word[4], GUARD);
    }
    program_shut(where);
    expect("outside of a PAL", make_call(address(&told()->call)), PAL_NOT_ISOLATED);
}

// test.
static void number(uint64_t where)
{
    if (!program_found(where))
        test_skip("no trustvisor");
    expect("test", hypercall(where, TV_CALL_TEST, 42, 0, 0), 0);
    expect("micro-TPM outside of a PAL", hypercall(where, TV_CALL_PCR_READ, 0, 0, 0) != TV_OK, 1);
    expect("a wrong pointer", hypercall(where, TV_CALL_REGISTER, 0xfffffffffffff000, 0, 0) != TV_OK, 1);
    expect("nothing's end", hypercall(where, TV_CALL_UNREGISTER, address(this_cpu()->pal), 0, 0) != TV_OK, 1);
}

// test_args: 1, 2 and 4.
static void ten_integers(uint64_t where)
{
    uint64_t state = 2 * options.seed + 1;
    for (unsigned i = 0; i < 10; i++)
        program_param(i, TV_PARAM_INTEGER, 1);
    program_open(where, CODE(pal_10_int));
    for (unsigned n = 0; n < ITERATIONS; n++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < 10; i++) {
            told()->call.a[i] = random_word(&state) & ~(uint64_t)MUST_BE_PAL;
            sum += told()->call.a[i] * (i + 1);
        }
        told()->call.a[0] |= MUST_BE_PAL;
        expect("sum", program_call(where), sum);
    }
    program_shut(where);
}

static void ten_pointers(uint64_t where)
{
    uint64_t state = 2 * options.seed + 1, *word = this_cpu()->data, before[10];
    for (unsigned i = 0; i < 10; i++)
        program_param(i, TV_PARAM_POINTER, 1);
    program_open(where, CODE(pal_10_ptr));
    for (unsigned n = 0; n < ITERATIONS; n++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < 10; i++) {
            before[i] = random_word(&state) & ~(uint64_t)MUST_BE_PAL;
            sum += before[i] * (i + 1);
            word[2 * i] = word[2 * i + 2] = GUARD;
            word[2 * i + 1] = before[i] | (i == 0 ? MUST_BE_PAL : 0);
            told()->call.a[i] = address(&word[2 * i + 1]);
        }
        expect("sum", program_call(where), sum);
        for (unsigned i = 0; i < 10; i++) {
            expect("word", word[2 * i + 1], before[i] + 1);
            expect("what is between", word[2 * i], GUARD);
        }
        expect("what is behind", word[20], GUARD);
    }
    program_shut(where);
}

static void five_arrays(uint64_t where)
{
    uint64_t state = 2 * options.seed + 1, *isolated = this_cpu()->data, *plain = this_cpu()->data + PAGE_BYTES / 8;
    for (unsigned n = 0; n < ITERATIONS; n++) {
        struct call same;
        for (unsigned i = 0; i < ARRAYS * LENGTH; i++)
            plain[i] = isolated[i] = random_word(&state);
        for (unsigned i = 0; i < ARRAYS; i++) {
            const uint64_t length = (random_word(&state) >> 8) % LENGTH;
            program_param(2 * i, TV_PARAM_INTEGER, 1);
            program_param(2 * i + 1, TV_PARAM_POINTER, length);
            same.a[2 * i] = told()->call.a[2 * i] = length;
            same.a[2 * i + 1] = address(&plain[i * LENGTH]);
            told()->call.a[2 * i + 1] = address(&isolated[i * LENGTH]);
        }
        program_open(where, CODE(pal_5_ptr));
        same.entry = CODE(pal_5_ptr);
        told()->call.a[0] |= MUST_BE_PAL;
        expect("sum", program_call(where), make_call(address(&same)));
        for (unsigned i = 0; i < ARRAYS * LENGTH; i++)
            expect("word", isolated[i], plain[i]);
        program_shut(where);
    }
}

// Its pages are all ones to its program.
static void hidden(uint64_t where)
{
    program_open(where, CODE(pal_add));
    const uint64_t *page = (const uint64_t *)(const void *)this_cpu()->pal;
    for (unsigned i = 0; i < PAL_PAGES * PAGE_BYTES / 8; i += 64) {
        if (where == IN_L2) {
            l2_program(pal_read);
            GPR(RSI) = address(&page[i]);
            want_exit(EXIT_VMCALL);
        }
        expect("a word of the PAL's", where == IN_L2 ? GPR(RAX) : page[i], ~0ull);
    }
    program_shut(where);
}

// An interrupt's handler, in L1 or of the L2's hypervisor, finds the program at the call; then the PAL goes on.
static void interrupted(uint64_t where)
{
    unsigned interrupts;
    uint32_t ticks = TIMER_TICKS;
    program_param(0, TV_PARAM_INTEGER, 1);
    program_open(where, CODE(pal_spin));
    if (where == IN_L2)
        NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
    lapic_write(TIMER_DIVIDE, 0xb);  // by 1
    lapic_write(LAPIC_LVT_TIMER, VECTOR);
    for (unsigned i = 0; i < TIMER_TRIES; i++, ticks *= 8) {
        this_cpu()->interrupt.count = 0;
        told()->call.a[0] = 2 * ticks;
        lapic_write(TIMER_COUNT, ticks);
        const uint64_t result = call(where, &interrupts);
        expect("three times the rounds", result, 3 * told()->call.a[0]);
        expect("an interrupt", interrupts, 1);
        if (this_cpu()->interrupt.rip == told()->call.entry)
            break;
    }
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
    expect("its vector", this_cpu()->interrupt.vector, VECTOR);
    expect("RIP: at the call", this_cpu()->interrupt.rip, told()->call.entry);
    program_shut(where);
}

// The CPU that would be there could not be entered any more. It is an exception at the call, as of any jump there; and the PAL is as it was.
static void to_nowhere(uint64_t where)
{
    struct cpu *c = this_cpu();
    uint64_t *word = &c->data[8];
    program_param(0, TV_PARAM_INTEGER, 1);
    program_param(1, TV_PARAM_POINTER, 4);
    program_open(where, CODE(pal_add));
    const uint64_t entry = told()->call.entry;
    if (where == IN_L2) {
        GPR(RAX) = entry;
        GPR(RBX) = NOWHERE;
        GPR(RSI) = address(word);
        l2_program(pal_jump);
        want_trap(VECTOR_GP);
        expect("where", c->l2_trap.rip, entry);
        expect("GUEST_RSP", c->l2_trap.rsp, address(c->l2_stack) - 24);
        l2_segment(SEGMENT_SS, SELECTOR_DATA, 0, 0xffffffff, RIGHTS_DATA);  // the event has left none
    } else {
        c->caught.vector = NO_VECTOR;
        c->catch_rip = address(user_faulted);
        (void)user_run(make_jump, entry, c->l2_stack - 16);
        c->catch_rip = 0;
        expect("exception", c->caught.vector, VECTOR_GP);
        expect("where", c->caught.rip, entry);
    }
    word[0] = 20;
    told()->call.a[0] = MUST_BE_PAL | 10;
    told()->call.a[1] = address(word);
    expect("10 and 20", program_call(where), 30);
    program_shut(where);
}

void pal_tests(void)
{
    static const struct { const char *name; void (*test)(uint64_t); } row[] = {
        { "main", add }, { "test", number }, { "test_args_1", ten_integers }, { "test_args_2", ten_pointers }, { "test_args_4", five_arrays },
        { "hidden", hidden }, { "interrupted", interrupted }, { "to_nowhere", to_nowhere },
    };
    for (uint64_t where = IN_L1; where <= ABOVE; where++)
        for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
            test_row(row[i].name, where_name[where], row[i].test, where);
}

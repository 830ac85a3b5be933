// SPDX-License-Identifier: BSD-2-Clause
// abuse: everything that a program may not get away with, or must survive. A line for each attempt; status 0: all ended as they should.
#include <trustvisor/linux_call.h>
#include <trustvisor/pal.h>
#include <trustvisor/vmcall.h>

#include "abuse.h"
#include "pal_functions.h"
#include "program.h"

uintptr_t abuse_leak(void), abuse_ud2(void), abuse_hlt(void), abuse_loop(void), abuse_syscall(void), abuse_read(uintptr_t), abuse_count(uintptr_t);
uintptr_t abuse_apply(uintptr_t, uintptr_t), abuse_write(void), abuse_leak_avx(void), avx_usable(void);
extern const uint8_t abuse_shared[], abuse_changed[];
uintptr_t call_and_look_avx(const void *function, uintptr_t *found);
uintptr_t abuse_leak_avx512(void), avx512_usable(void), call_and_look_avx512(const void *function, uintptr_t *found);
uintptr_t call_and_look(const void *function, uintptr_t *found);

const struct tv_params add_params = { 2, 0, { { TV_PARAM_INTEGER, 0, 1 }, { TV_PARAM_POINTER, 0, 1 } } };
const struct tv_params lend_params = { 2, 0, { { TV_PARAM_INTEGER, 0, 1 }, { TV_PARAM_INTEGER, 0, 1 } } };
static const struct tv_params one_param = { 1, 0, { { TV_PARAM_INTEGER, 0, 1 } } };
const struct tv_params no_params = { .count = 0 };
int failures;
uint32_t level;   // 0, or TV_CALL_L2_OFFSET in a guest of L1's hypervisor

void expect(const char *what, int good)
{
    print_text(good ? "abuse: ok " : "abuse: FAIL ");
    print_text(what);
    print_text("\n");
    failures += !good;
}

long child(void) { return linux_call(sizeof(void *) == 8 ? 57 : 2, 0, 0, 0, 0, 0, 0); }

int wait_for(long pid)
{
    int status = -1;
    linux_call(sizeof(void *) == 8 ? 61 : 114, pid, (long)&status, 0, 0, 0, 0);
    return status;
}

void leave(int status) { linux_call(LINUX_EXIT_GROUP, status, 0, 0, 0, 0, 0); }

void sleep_ms(long milliseconds)
{
    long wait[4] = { 0, milliseconds * 1000000, 0, 0 };
    linux_call(sizeof(void *) == 8 ? 35 : 162, (long)wait, 0, 0, 0, 0, 0);
}

int all(const volatile uint8_t *bytes, uintptr_t count, uint8_t value)
{
    for (uintptr_t i = 0; i < count; i++)
        if (bytes[i] != value)
            return 0;
    return 1;
}

int adds(const struct pal *pal)
{
    uintptr_t second = 5;
    return ((add_t *)(uintptr_t)pal->entry)(MUST_BE_PAL | 7, &second) == 12 && second == 6;
}

// Structures in memory that is there: hypercalls page nothing in.
static uintptr_t try_register(const struct tv_sections *sections, const struct tv_params *params, uintptr_t entry)
{
    volatile struct tv_sections s = *sections;
    volatile struct tv_params p = *params;
    return tv_vmcall(level + TV_CALL_REGISTER, (uintptr_t)&s, 0, (uintptr_t)&p, entry);
}

static void malformed(void)
{
    struct pal pal;
    struct tv_sections s;
    struct tv_params p = add_params;
    if (pal_copy(&pal, (const void *)pal_add) != PAL_OK)
        return;
    const uintptr_t entry = (uintptr_t)pal.entry;
#define TRY_SECTIONS(what, change) s = pal.sections; change; expect(what, try_register(&s, &add_params, entry) != 0)
    TRY_SECTIONS("no sections", s.count = 0);
    TRY_SECTIONS("11 sections", s.count = 11);
    TRY_SECTIONS("unknown section type", s.section[1].type = 9);
    TRY_SECTIONS("unaligned section", s.section[1].start += 4);
    TRY_SECTIONS("empty section", s.section[1].pages = 0);
    TRY_SECTIONS("endless section", s.section[1].pages = 0xffffffff);
    TRY_SECTIONS("overlapping sections", s.section[1].start = s.section[2].start);
    TRY_SECTIONS("kernel memory as section", s.section[1].start = sizeof(void *) == 8 ? 0xffffffff81000000ull : 0xfffff000u);
    TRY_SECTIONS("no stack", s.section[2].type = TV_SECTION_DATA);
    p.count = 11;
    expect("11 parameters", try_register(&pal.sections, &p, entry) != 0);
    p = add_params;
    p.param[0].type = 7;
    expect("unknown parameter type", try_register(&pal.sections, &p, entry) != 0);
    p = add_params;
    p.param[1].words = 1ull << 60;
    expect("endless parameter", try_register(&pal.sections, &p, entry) != 0);
    expect("entry in data", try_register(&pal.sections, &add_params, (uintptr_t)pal.sections.section[1].start) != 0);
    expect("wrong pointers", tv_vmcall(level + TV_CALL_REGISTER, 8, 0, 8, entry) != 0);
    expect("unregistration of nothing", tv_vmcall(level + TV_CALL_UNREGISTER, entry, 0, 0, 0) != 0);
    expect("micro-TPM outside of a PAL", tv_vmcall(level + TV_CALL_PCR_READ, 0, (uintptr_t)&p, 0, 0) != 0);
    expect("NVRAM outside of a PAL", tv_vmcall(level + TV_CALL_NV_READ, (uintptr_t)&p, 0, 0, 0) != 0);
    // A page that the program itself may not write (10: mprotect's number is the 64-bit one, 125 the other).
    linux_call(sizeof(void *) == 8 ? 10 : 125, (long)pal.sections.section[1].start, PAGE, 1, 0, 0, 0);
    expect("read-only page as data", try_register(&pal.sections, &add_params, entry) != 0);
    linux_call(sizeof(void *) == 8 ? 10 : 125, (long)pal.sections.section[1].start, PAGE, 7, 0, 0, 0);
    expect("and nothing of it lasts", pal_register(&pal, &add_params) == PAL_OK && adds(&pal) && pal_close(&pal) == PAL_OK);
    p = add_params;
    p.param[1].words = PAGE / sizeof(uintptr_t);
    uintptr_t second = 5;
    expect("registration", pal_open(&pal, (const void *)pal_add, &p) == PAL_OK);
    expect("parameters larger than the section for them", ((add_t *)(uintptr_t)pal.entry)(MUST_BE_PAL | 7, &second) == ~(uintptr_t)0 && second == 5);
    pal_close(&pal);
}

static void isolated(void)
{
    struct pal pal;
    if (pal_open(&pal, (const void *)pal_add, &add_params) != PAL_OK) {
        expect("registration", 0);
        return;
    }
    volatile uint8_t *pages = pal.pages;
    expect("reads give ones", all(pages, pal.bytes, ONES));
    for (uintptr_t i = 0; i < pal.bytes; i += 64)
        pages[i] = 0;
    expect("writes vanish", adds(&pal) && all(pages, pal.bytes, ONES));
    uintptr_t old = 7;
    for (uintptr_t at = PAGE; at < pal.bytes; at += PAGE) {  // one instruction, two pages; then one that reads what it writes to
        *(volatile uintptr_t *)(uintptr_t)(pages + at - sizeof(uintptr_t) / 2) = 0;
        old = __atomic_exchange_n((uintptr_t *)(uintptr_t)(pages + at), 0, __ATOMIC_SEQ_CST);
    }
    expect("across pages, too", adds(&pal) && old == ~(uintptr_t)0 && all(pages, pal.bytes, ONES));
    struct tv_sections s = pal.sections;
    expect("the same PAL twice", try_register(&s, &add_params, (uintptr_t)pal.entry) != 0);
    struct pal other;
    if (pal_copy(&other, (const void *)pal_add) == PAL_OK) {
        s = other.sections;
        s.section[1].start = pal.sections.section[1].start;
        expect("another PAL's page", try_register(&s, &add_params, (uintptr_t)other.entry) != 0);
    }
    expect("and that one still works", adds(&pal));
    expect("unregistration", pal_unregister(&pal) == PAL_OK);
    const uintptr_t code = pal.sections.section[0].pages * PAGE;
    expect("what it could write is zero then", all(pages + code, pal.bytes - code, 0));
    expect("code is not", !all(pages, code, 0));
}

// Pages of the program's for one call.
static void lent(void)
{
    struct pal pal;
    volatile uintptr_t *own = (volatile uintptr_t *)linux_call(LINUX_MMAP, 0, 2 * PAGE, 3, 0x22, -1, 0);
    linux_call(LINUX_MLOCK, (long)own, 2 * PAGE, 0, 0, 0, 0);
    own[0] = own[PAGE / sizeof(uintptr_t)] = 41;
    expect("registration", pal_open(&pal, (const void *)pal_add, &lend_params) == PAL_OK);
    expect("a page that isn't lent whole", pal_lend(&pal, (void *)(uintptr_t)own, PAGE / 2) != PAL_OK);
    expect("a page of the PAL's own", pal_lend(&pal, pal.pages, PAGE) != PAL_OK);
    expect("pages are lent", pal_lend(&pal, (void *)(uintptr_t)own, PAGE) == PAL_OK);
    expect("and more for the same call", pal_lend(&pal, (uint8_t *)(uintptr_t)own + PAGE, PAGE) == PAL_OK);
    expect("and none twice", pal_lend(&pal, (void *)(uintptr_t)own, PAGE) != PAL_OK);
    expect("meanwhile they are the PAL's", own[0] == ~(uintptr_t)0);
    const uintptr_t result = ((add_t *)(uintptr_t)pal.entry)(MUST_BE_PAL | 1, (uintptr_t *)(uintptr_t)&own[PAGE / sizeof(uintptr_t)]);
    expect("what the PAL leaves there is the program's", result == 42 && own[0] == 41 && own[PAGE / sizeof(uintptr_t)] == 42);
    pal_close(&pal);
    linux_call(LINUX_MUNMAP, (long)own, 2 * PAGE, 0, 0, 0, 0);
}

static void registers(void)
{
    struct pal pal;
    uintptr_t found = 99;
    expect("registration", pal_open(&pal, (const void *)abuse_leak, &no_params) == PAL_OK);
    expect("a PAL sees no vector register of its program's", call_and_look(pal.entry, &found) == 0);
    expect("a program sees no register of its PAL's", found == 0);
    pal_close(&pal);
    if (!avx_usable())
        return;
    expect("registration", pal_open(&pal, (const void *)abuse_leak_avx, &no_params) == PAL_OK);
    expect("a PAL sees no upper half of its program's", call_and_look_avx(pal.entry, &found) == 0);
    expect("a program has its own after a PAL's", found == 0);
    pal_close(&pal);
    if (!avx512_usable())
        return;
    expect("registration", pal_open(&pal, (const void *)abuse_leak_avx512, &no_params) == PAL_OK);
    expect("a PAL sees no mask and no bit of 512 of its program's", call_and_look_avx512(pal.entry, &found) == 0);
    expect("a program has all its masks and 512 bits after a PAL's", found == 0);
    pal_close(&pal);
}

// The system has the page back, and gives it to whoever asks for memory next.
static void unmapped(void)
{
    struct pal pal;
    expect("registration", pal_open(&pal, (const void *)pal_add, &add_params) == PAL_OK && adds(&pal));
    linux_call(LINUX_MUNMAP, (long)pal.sections.section[1].start, 3 * PAGE, 0, 0, 0, 0);  // data, stack and parameters
    const uintptr_t bytes = 8ul << 20;
    volatile uint8_t *memory = (volatile uint8_t *)linux_call(LINUX_MMAP, 0, (long)bytes, 3, 0x22, -1, 0);
    int zero = 1;
    for (uintptr_t at = 0; at < bytes; at += PAGE)
        for (uintptr_t i = 0; i < PAGE; i += 64)
            zero = zero && memory[at + i] == 0;
    expect("pages that the system took back come zeroed to the next", zero);
    for (uintptr_t at = 0; at < bytes; at += PAGE)
        memory[at] = 1;
    for (uintptr_t at = 0; at < bytes; at += PAGE)
        zero = zero && memory[at] == 1;
    expect("and are whole", zero);
    linux_call(LINUX_MUNMAP, (long)memory, (long)bytes, 0, 0, 0, 0);
    (void)pal_unregister(&pal);  // ended already, if one of its pages went to somebody
    linux_call(LINUX_MUNMAP, (long)pal.pages, (long)pal.bytes, 0, 0, 0, 0);
}

// Code that two PALs share with their program: each has a copy of its own, and the pages stay the system's.
static void shared_code(void)
{
    struct pal pal[2];
    uint8_t *page = (uint8_t *)linux_call(LINUX_MMAP, 0, PAGE, 7, 0x22, -1, 0);
    plain_t *const own = (plain_t *)(uintptr_t)page;
    for (unsigned i = 0; i < 16; i++)
        page[i] = abuse_shared[i];
    for (unsigned i = 0; i < 2; i++) {
        expect("a PAL's pages", pal_copy(&pal[i], (const void *)abuse_apply) == PAL_OK);
        pal[i].sections.section[4] = (struct tv_section){ TV_SECTION_SHARED_CODE, 1, (uintptr_t)page };
        pal[i].sections.count = 5;
        expect("registration with shared code", pal_register(&pal[i], &lend_params) == PAL_OK);
    }
#define APPLY(pal) ((uintptr_t (*)(uintptr_t, uintptr_t))(uintptr_t)(pal).entry)((uintptr_t)page, 5)
    expect("two PALs execute it", APPLY(pal[0]) == 22 && APPLY(pal[1]) == 22);
    expect("so does the program", own(5) == 22 && page[0] == abuse_shared[0]);
    const long pid = child();
    if (pid == 0)
        leave((int)own(5));
    expect("and another process", wait_for(pid) == 22 << 8);
    for (unsigned i = 0; i < 16; i++)
        page[i] = abuse_changed[i];
    expect("what the program changes is the program's alone", own(5) == 25 && APPLY(pal[0]) == 22 && APPLY(pal[1]) == 22);
    expect("the end of one PAL", pal_close(&pal[0]) == PAL_OK);
    linux_call(LINUX_MUNMAP, (long)page, PAGE, 0, 0, 0, 0);
    expect("it is the PAL's where it is no longer the program's", APPLY(pal[1]) == 22);
    struct tv_sections s = pal[1].sections;
    expect("the end of the other", pal_unregister(&pal[1]) == PAL_OK);
    expect("shared code that isn't there", try_register(&s, &lend_params, (uintptr_t)pal[1].entry) != 0);
    s.count = 4;
    s.section[0].type = TV_SECTION_SHARED_CODE;
    expect("an entry in shared code", try_register(&s, &lend_params, (uintptr_t)pal[1].entry) != 0);
    linux_call(LINUX_MUNMAP, (long)pal[1].pages, (long)pal[1].bytes, 0, 0, 0, 0);
}

// What a PAL can't do costs its program a signal, and nobody else anything.
static void crash(const char *what, const void *function, const struct tv_params *params, uintptr_t argument)
{
    const long pid = child();
    if (pid == 0) {
        struct pal pal;
        if (pal_open(&pal, function, params) != PAL_OK)
            leave(1);
        ((plain_t *)(uintptr_t)pal.entry)(argument);
        leave(0);
    }
    expect(what, SIGNAL(wait_for(pid)) == SIGSEGV_NUMBER);
}

static void crashes(void)
{
    crash("an invalid instruction", (const void *)abuse_ud2, &no_params, 0);
    crash("a privileged instruction", (const void *)abuse_hlt, &no_params, 0);
    crash("a system call", (const void *)abuse_syscall, &no_params, 0);
    crash("a write to its own code", (const void *)abuse_write, &no_params, 0);
    crash("a read of its program's memory", (const void *)abuse_read, &one_param, (uintptr_t)&failures);
    crash("a read of the kernel's memory", (const void *)abuse_read, &one_param, sizeof(void *) == 8 ? (uintptr_t)0xffffffff81000000ull : 0xc0000000u);
}

// A hypercall's number that trustvisor doesn't have ends as without it: in L1 it is an undefined instruction, in an L2 its hypervisor's to answer
// (KVM: -EPERM for a program), as are L1's own numbers there.
static void unknown_calls(void)
{
    const uintptr_t theirs = level != 0 ? TV_CALL_L2_OFFSET + TV_CALL_L2_OFFSET : TV_CALL_L2_OFFSET;
    const uintptr_t number[] = { 0, level, level + 14, level + 20, level + 24, level + 254, level + 256, theirs + TV_CALL_REGISTER, theirs + TV_CALL_TEST, ~(uintptr_t)0 };
    for (unsigned i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
        const long pid = child();
        if (pid == 0)
            leave(tv_vmcall(number[i], 0, 0, 0, 0) == ~(uintptr_t)0 ? 3 : 0);
        const int status = wait_for(pid);
        expect("a hypercall of a number that nobody has", level != 0 ? status == 3 << 8 : SIGNAL(status) == SIGILL_NUMBER);
    }
    if (level != 0)
        expect("a hypercall of L1's in its L2", tv_vmcall(TV_CALL_TEST, 666, 0, 0, 0) == ~(uintptr_t)0);
}

// A child inherits the pages, not the PAL.
static void forked(void)
{
    struct pal pal;
    expect("registration", pal_open(&pal, (const void *)pal_add, &add_params) == PAL_OK);
    const long pid = child();
    if (pid == 0) {
        uintptr_t second = 5;
        leave(((add_t *)(uintptr_t)pal.entry)(MUST_BE_PAL | 7, &second) == 12 ? 0 : 1);
    }
    expect("a child can't call its parent's PAL", wait_for(pid) != 0);
    expect("which is as it was", adds(&pal));
    expect("its end", pal_close(&pal) == PAL_OK);
}

// A program that ends, or is killed in its PAL, leaves its pages to others: they are whole, and its slots are used again.
static void gone(void)
{
    for (unsigned i = 0; i < 40; i++) {
        const long pid = child();
        if (pid == 0) {
            struct pal pal;
            leave(pal_open(&pal, (const void *)pal_add, &add_params) == PAL_OK && adds(&pal) ? 0 : 1);
        }
        if (wait_for(pid) != 0) {
            expect("a program that ends with its PAL registered", 0);
            return;
        }
    }
    expect("40 programs that end with their PAL registered", 1);
    const long pid = child();
    if (pid == 0) {
        struct pal pal;
        if (pal_open(&pal, (const void *)abuse_loop, &no_params) == PAL_OK)
            ((plain_t *)(uintptr_t)pal.entry)(0);
        leave(0);
    }
    long wait[4] = { 0, 300000000, 0, 0 };
    linux_call(sizeof(void *) == 8 ? 35 : 162, (long)wait, 0, 0, 0, 0, 0);  // nanosleep: the timer gets through
    linux_call(sizeof(void *) == 8 ? 62 : 37, pid, SIGKILL_NUMBER, 0, 0, 0, 0);
    expect("a program killed in an endless PAL", SIGNAL(wait_for(pid)) == SIGKILL_NUMBER);
    const uintptr_t bytes = level == 0 ? 64ul << 20 : 16ul << 20;
    volatile uint8_t *memory = (volatile uint8_t *)linux_call(LINUX_MMAP, 0, (long)bytes, 3, 0x22, -1, 0);
    int zero = 1;
    for (uintptr_t at = 0; at < bytes; at += PAGE)
        zero = zero && memory[at] == 0 && memory[at + PAGE - 1] == 0;
    expect("fresh memory is zero", zero);
    linux_call(LINUX_MUNMAP, (long)memory, (long)bytes, 0, 0, 0, 0);
}

#define THREADS 3
static uint8_t stacks[THREADS][4 * PAGE] __attribute__((aligned(16)));
static struct pal shared;

static uintptr_t call_often(uintptr_t from)
{
    for (uintptr_t i = 0; i < 20; i++)
        if (((plain_t *)(uintptr_t)shared.entry)(from + i) != from + i)
            return 1;
    return 0;
}

static uintptr_t call_for_ever(uintptr_t argument) { return ((plain_t *)(uintptr_t)shared.entry)(argument); }

// One call at a time, whoever makes it.
static void threads(void)
{
    long pid[THREADS];
    int good = 1;
    expect("registration", pal_open(&shared, (const void *)abuse_count, &one_param) == PAL_OK);
    for (unsigned i = 0; i < THREADS; i++)
        pid[i] = thread_run(call_often, 100000 + 1000 * i, stacks[i] + sizeof(stacks[i]));
    good = call_often(90000) == 0;
    for (unsigned i = 0; i < THREADS; i++)
        good = wait_for(pid[i]) == 0 && good;
    expect("four threads in one PAL", good);
    pal_close(&shared);
}

// A PAL that never returns, on another CPU or interrupted on this one.
static void unending(void)
{
    expect("registration", pal_open(&shared, (const void *)abuse_loop, &one_param) == PAL_OK);
    const long pid = thread_run(call_for_ever, 0, stacks[0] + sizeof(stacks[0]));
    unsigned tries = 0;
    long wait[4] = { 0, 50000000, 0, 0 };
    linux_call(sizeof(void *) == 8 ? 35 : 162, (long)wait, 0, 0, 0, 0, 0);
    while (pal_unregister(&shared) != PAL_OK && tries < 200000)
        tries++;
    expect("the end of a PAL that runs", tries < 200000);
    const uintptr_t code = shared.sections.section[0].pages * PAGE;
    expect("nothing is left of it", all(shared.pages + code, shared.bytes - code, 0));
    linux_call(sizeof(void *) == 8 ? 62 : 37, pid, SIGKILL_NUMBER, 0, 0, 0, 0);
    expect("its thread", SIGNAL(wait_for(pid)) == SIGKILL_NUMBER);
    linux_call(LINUX_MUNMAP, (long)shared.pages, (long)shared.bytes, 0, 0, 0, 0);
}

int program(int argc, char **argv)
{
    if (argc == 2)
        spun();
    if (!pal_level(&level)) {
        print_text("no trustvisor\n");
        return 1;
    }
    if (argc == 3)
        return looked(parse_number(argv[2], 10));
    malformed();
    isolated();
    lent();
    shared_code();
    registers();
    looked_at();
    scanned();
    unmapped();
    crashes();
    unknown_calls();
    forked();
    threads();
    unending();
    gone();
    return failures != 0;
}

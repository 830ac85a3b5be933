// SPDX-License-Identifier: BSD-2-Clause
// Virtualization exceptions (SDM 3C 26.5.7 "Virtualization Exceptions").

#include <caps/addr.h>

#include "ept12.h"
#include "l2.h"
#include "trap.h"
#include "vmx.h"

void ve_tests(void);

// RSI: where.
L2(ve_read, "mov (%rsi), %rax");
L2(ve_write, "mov %rbx, (%rsi)");
L2(ve_fetch, "call *%rsi");
L2(ve_switch, "vmfunc\n\tmov (%rsi), %rax");
L2_BYTES(ve_real, ".code16\n\tmov %ds:0x10, %ax\n\tvmcall\n\thlt");
L2_BYTES(ve_pae, ".code32\n\tmov %edx, %cr3\n\tvmcall\n\thlt");

#define SUPPRESS  (1ull << 63)
#define VALUE     0x5a5a5a5a5a5a5a5aull
#define ALL_ONES  0xffffffffull
#define FOUND     0x180ull  // linear address valid, of the access itself
#define UNDEFINED 0xe00ull  // of a CPU without advanced information
#define HIGH      0xc0000000ull  // the last GiB that 32 bits reach: L2 needs none of it
#define VE_EVENT  (EVENT_VALID | EVENT_HARDWARE | VECTOR_VE)

struct information {
    uint32_t reason, busy;
    uint64_t qualification, linear, physical;
    uint16_t eptp_index;
};
static struct information *area(void) { return (struct information *)(void *)this_cpu()->page_a; }
static uint64_t *gigabytes(void) { return (uint64_t *)(uintptr_t)(this_cpu()->ept_root[0] & PAGE_MASK & ~SUPPRESS); }

// An entry of each level, and where in the window L2 comes by it.
enum level { LEVEL_4K, LEVEL_2M, LEVEL_1G, LEVELS };
static const char *const level_name[] = { "4k", "2m", "1g" };
static uint64_t offset_of(enum level level) { return level == LEVEL_4K ? PAGE_BYTES : level == LEVEL_2M ? LARGE_BYTES : 0; }

static uint64_t *entry_of(enum level level)
{
    struct cpu *c = this_cpu();
    return level == LEVEL_4K ? &c->ept_table[1] : level == LEVEL_2M ? &c->ept_regions[1] : &gigabytes()[WINDOW_PHYSICAL / HUGE_BYTES];
}

static void run(const char *code, uint64_t linear)
{
    l2_start(code);
    GPR(RSI) = linear;
    GPR(RBX) = VALUE;
}

static void start(void)
{
    NEED(PROC2, EPT_VIOLATION_VE);
    NEED(PROC2, ENABLE_EPT);
    W(VE_INFO_ADDR, address(area()));
}

static void expect_area(uint64_t qualification, uint64_t linear)
{
    const struct information *a = area();
    expect("reason in the area", a->reason, EXIT_EPT_VIOLATION);
    expect("the area is busy", a->busy, ALL_ONES);
    expect("qualification in the area", a->qualification & ~UNDEFINED, qualification);
    expect("linear address in the area", a->linear, linear);
    expect("physical address in the area", a->physical, linear - WINDOW_LINEAR + WINDOW_PHYSICAL);
}

static void expect_untouched(void)
{
    expect("reason in the area", area()->reason, 0);
    expect("flag in the area", area()->busy, 0);
    expect("address in the area", area()->physical, 0);
}

static void want_ve(const char *code, uint64_t qualification, uint64_t linear)
{
    const struct trap *t = &this_cpu()->l2_trap;
    run(code, linear);
    want_trap(VECTOR_VE);
    expect_area(qualification, linear);
    expect("error code", t->error, 0);
    expect("RF pushed", t->rflags >> 16 & 1, 1);
}

static void want_violation(const char *code, uint64_t linear)
{
    run(code, linear);
    want_exit(EXIT_EPT_VIOLATION);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR), linear - WINDOW_LINEAR + WINDOW_PHYSICAL);
    expect_untouched();
}

// L2's handler is told; what the page lacked is put right, and L2 goes on with the same instruction.
static void converted(uint64_t row)
{
    static const char *const codes[] = { ve_read, ve_write, ve_fetch };
    struct cpu *c = this_cpu();
    start();
    want_ve(codes[row], FOUND | 1ull << row, WINDOW_LINEAR + 8);
    if (row != 2)
        expect("RIP pushed", c->l2_trap.rip, address(codes[row]));
    *(uint8_t *)&c->data[1] = 0xc3;  // RET, to be called
    ept12_map(0, address(c->data) | EPT_WB | EPT_ALL);
    want_end();
    if (row == 1)
        expect("what was written", c->data[1], VALUE);
    // A page with rights, but not this one.
    if (row == 0)
        return;
    area()->busy = 0;
    ept12_map(0, address(c->data) | EPT_WB | EPT_READ);
    ept12_flush();
    want_ve(codes[row], FOUND | 1ull << row | EPT_READ << 3, WINDOW_LINEAR + 8);
}

// While the flag is set there is none; L1 sees the violation.
static void busy(uint64_t unused)
{
    (void)unused;
    start();
    want_ve(ve_read, FOUND | 1, WINDOW_LINEAR);
    run(ve_write, WINDOW_LINEAR + PAGE_BYTES);
    want_exit(EXIT_EPT_VIOLATION);
    expect("qualification", R(EXIT_QUALIFICATION) & ~UNDEFINED, FOUND | 2);
    expect_area(FOUND | 1, WINDOW_LINEAR);
    area()->busy = 0x80000000;  // any bit
    run(ve_write, WINDOW_LINEAR + PAGE_BYTES);
    want_exit(EXIT_EPT_VIOLATION);
    area()->busy = 0;
    want_ve(ve_write, FOUND | 2, WINDOW_LINEAR + PAGE_BYTES);
}

// Bit 63 of the entry that is absent.
static void absent(uint64_t row)
{
    const enum level level = (enum level)row;
    const uint64_t linear = WINDOW_LINEAR + offset_of(level);
    start();
    *entry_of(level) = SUPPRESS;
    ept12_flush();
    want_violation(ve_read, linear);
    *entry_of(level) = EPT_WB | EPT_LARGE;  // ignored
    ept12_flush();
    want_ve(ve_read, FOUND | 1, linear);
}

// Bit 63 of a page's entry; tables' don't count.
static void page(uint64_t row)
{
    const enum level level = (enum level)row;
    const uint64_t linear = WINDOW_LINEAR + offset_of(level);
    struct cpu *c = this_cpu();
    start();
    if (level == LEVEL_1G && !(ept12_capabilities() >> 17 & 1))
        test_skip("no 1 GiB pages in EPT");
    const uint64_t leaf = (level == LEVEL_4K ? address(c->data) & PAGE_MASK : EPT_LARGE) | EPT_WB | EPT_READ;
    c->ept_root[0] |= SUPPRESS;
    if (level != LEVEL_1G)
        gigabytes()[WINDOW_PHYSICAL / HUGE_BYTES] |= SUPPRESS;
    if (level == LEVEL_4K)
        c->ept_regions[0] |= SUPPRESS;
    *entry_of(level) = leaf | SUPPRESS;
    ept12_flush();
    want_violation(ve_write, linear);
    *entry_of(level) = leaf;
    ept12_flush();
    want_ve(ve_write, FOUND | 2 | EPT_READ << 3, linear);
}

// A right that a table lacks: the page decides.
static void table(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    start();
    ept12_map(0, address(c->data) | EPT_WB | EPT_ALL | SUPPRESS);
    c->ept_regions[0] = address(c->ept_table) | EPT_READ;
    ept12_flush();
    want_violation(ve_write, WINDOW_LINEAR);
    ept12_map(0, address(c->data) | EPT_WB | EPT_ALL);
    ept12_flush();
    want_ve(ve_write, FOUND | 2 | EPT_READ << 3, WINDOW_LINEAR);
}

static void misconfigured(uint64_t unused)
{
    (void)unused;
    start();
    ept12_map(0, EPT_WRITE);
    run(ve_read, WINDOW_LINEAR);
    want_exit(EXIT_EPT_MISCONFIG);
    expect_untouched();
}

// Not during the delivery of an event: injected, or L2's own.
static void in_delivery(uint64_t row)
{
    start();
    run(ve_read, address(this_cpu()->data));
    W(GUEST_IDTR_BASE, WINDOW_LINEAR);
    const uint32_t event = row == 0 ? EVENT_EXTERNAL | 0x31 : row == 1 ? EVENT_NMI | VECTOR_NMI : EVENT_HARDWARE | VECTOR_UD;
    if (row == 0)
        W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    W(ENTRY_INTR_INFO, EVENT_VALID | event);
    want_exit(EXIT_EPT_VIOLATION);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & ~(uint64_t)0x1000, EVENT_VALID | event);
    expect_untouched();
}

// Its own delivery is one, too.
static void delivery_of_its_own(uint64_t unused)
{
    (void)unused;
    start();
    run(ve_read, WINDOW_LINEAR + PAGE_BYTES);
    W(GUEST_IDTR_BASE, WINDOW_LINEAR);
    want_exit(EXIT_EPT_VIOLATION);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & ~(uint64_t)0x1000, VE_EVENT);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR), WINDOW_PHYSICAL + VECTOR_VE * 16);
    expect("GUEST_RIP", R(GUEST_RIP), address(ve_read));
    expect_area(FOUND | 1, WINDOW_LINEAR + PAGE_BYTES);
}

// Behind the end of the IDT it is a double fault, as a page fault would be.
static void double_fault(uint64_t unused)
{
    (void)unused;
    start();
    W(EXCEPTION_BITMAP, 1u << VECTOR_DF);
    W(GUEST_IDTR_LIMIT, VECTOR_VE * 16 - 1);
    run(ve_read, WINDOW_LINEAR);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO) & ~(uint64_t)0x1000, EVENT_VALID | EVENT_HARDWARE | EVENT_ERROR | VECTOR_DF);
}

// L1 wants it: an exit, with the area written.
static void intercepted(uint64_t unused)
{
    (void)unused;
    start();
    W(EXCEPTION_BITMAP, 1u << VECTOR_VE);
    run(ve_read, WINDOW_LINEAR);
    want_exit_with(EXIT_EXCEPTION_OR_NMI, 0);
    expect("interruption information", R(EXIT_INTR_INFO), VE_EVENT);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & EVENT_VALID, 0);
    expect("GUEST_RIP", R(GUEST_RIP), address(ve_read));
    expect("RF saved", R(GUEST_RFLAGS) >> 16 & 1, 1);
    expect_area(FOUND | 1, WINDOW_LINEAR);
    // L1 does what the handler would do.
    area()->busy = 0;
    ept12_map(0, address(this_cpu()->data) | EPT_WB | EPT_ALL);
    want_end();
}

static void off(uint64_t unused)
{
    (void)unused;
    start();
    CLEAR(PROC2, EPT_VIOLATION_VE);
    want_violation(ve_read, WINDOW_LINEAR);
}

// Of L2's page tables: the access isn't the instruction's own.
static void paging_structure(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    start();
    W(EXCEPTION_BITMAP, 1u << VECTOR_VE);
    run(ve_read, address(c->data));
    W(GUEST_CR3, WINDOW_PHYSICAL + 0x3000);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO), VE_EVENT);
    expect("qualification: linear address valid, page walk", area()->qualification & 0x180, 0x80);
    expect("physical address", area()->physical & PAGE_MASK, WINDOW_PHYSICAL + 0x3000);
    area()->busy = 0;
    ept12_map(3, address(c->page_root) | EPT_WB | EPT_ALL);
    want_end();
}

// CR0.PE = 0: never.
static void real_mode(uint64_t unused)
{
    (void)unused;
    start();
    NEED(PROC2, UNRESTRICTED_GUEST);
    const uint64_t at = l2_low(ve_real, ve_real_end);
    l2_real(at);
    l2_segment(SEGMENT_DS, (uint16_t)(at >> 4), HIGH, 0xffff, RIGHTS_DATA16);
    gigabytes()[HIGH / HUGE_BYTES] = 0;
    ept12_flush();
    want_exit(EXIT_EPT_VIOLATION);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR), HIGH + 0x10);
    expect_untouched();
}

// MOV to CR3 that loads PDPTEs from what EPT12 doesn't have: no linear address.
static void pdptes(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    start();
    l2_low(ve_pae, ve_pae_end);
    l2_protected_32();
    CLEAR(PROC, CR3_LOAD_EXITING);
    for (uint64_t i = 0; i < 4; i++)
        vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + i), i == 0 ? address(c->page_b) | 1 : 0);
    c->page_b[0] = 0xe7;  // the first 2 MiB
    W(EXCEPTION_BITMAP, 1u << VECTOR_VE);
    gigabytes()[HIGH / HUGE_BYTES] = 0;
    ept12_flush();
    GPR(RDX) = HIGH + 0x20;
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO), VE_EVENT);
    expect("qualification: a read, no linear address", area()->qualification & 0x87, 1);
    expect("physical address", area()->physical & ~0x1full, HIGH + 0x20);
    expect("GUEST_RIP", R(GUEST_RIP), address(c->low));
}

// EPTP switching says by its index which list entry L2 runs with.
static void index_of_a_switch(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    start();
    NEED(PROC2, ENABLE_VMFUNC);
    W(VM_FUNCTION_CONTROL, 1);
    W(EPTP_LIST_ADDR, address(c->page_b));
    c->page_b[0x101] = R(EPTP);
    run(ve_switch, WINDOW_LINEAR);
    GPR(RAX) = 0;
    GPR(RCX) = 0x101;
    want_trap(VECTOR_VE);
    expect("EPTP index in the area", area()->eptp_index, 0x101);
    expect("EPTP index", R(EPTP_INDEX), 0x101);
}

// L1 may say so itself.
static void index_of_l1(uint64_t unused)
{
    (void)unused;
    start();
    W(EPTP_INDEX, 0x4321);
    want_ve(ve_read, FOUND | 1, WINDOW_LINEAR);
    expect("EPTP index in the area", area()->eptp_index, 0x4321);
}

// The index has 16 bits, and is the last of it.
static void behind_the_area(uint64_t unused)
{
    (void)unused;
    const uint64_t *a = this_cpu()->page_a;
    start();
    this_cpu()->page_a[4] = this_cpu()->page_a[5] = VALUE;
    want_ve(ve_read, FOUND | 1, WINDOW_LINEAR);
    expect("behind the index", a[4] >> 16, VALUE >> 16);
    expect("the next 64 bits", a[5], VALUE);
}

void ve_tests(void)
{
    static const char *const access[] = { "read", "write", "fetch" };
    for (unsigned row = 0; row < 3; row++)
        test_row("converted", access[row], converted, row);
    TEST(busy);
    for (unsigned row = 0; row < LEVELS; row++)
        test_row("absent", level_name[row], absent, row);
    for (unsigned row = 0; row < LEVELS; row++)
        test_row("page", level_name[row], page, row);
    TEST(table);
    TEST(misconfigured);
    static const char *const event[] = { "external", "nmi", "ud" };
    for (unsigned row = 0; row < 3; row++)
        test_row("in_delivery", event[row], in_delivery, row);
    TEST(delivery_of_its_own);
    TEST(double_fault);
    TEST(intercepted);
    TEST(off);
    TEST(paging_structure);
    TEST(real_mode);
    TEST(pdptes);
    TEST(index_of_a_switch);
    TEST(index_of_l1);
    TEST(behind_the_area);
}

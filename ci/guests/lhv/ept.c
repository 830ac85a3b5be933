// SPDX-License-Identifier: BSD-2-Clause
// EPT violations and misconfigurations, with exact qualification, for pages of each size (SDM 3C 29.3.3, 28.2.1 table 28-7).

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "vmx.h"
#include "x86.h"

void ept_tests(void);

L2(ept_read, "mov (%rsi), %rax");
L2(ept_write, "mov %rax, (%rsi)");
L2(ept_modify, "incq (%rsi)");
L2(ept_fetch, "call *%rsi");
L2(ept_read_two, "mov (%rsi), %rax\n\tmov 0x1000(%rsi), %rbx");

#define QUALIFICATION_LINEAR 0x180ull  // linear address valid, and the access is to the page, not to a paging structure
#define CAP_EXECUTE_ONLY 1ull
#define CAP_1G           (1ull << 17)
#define CAP_ADVANCED     (1ull << 22)
#define CAP_AD           (1ull << 21)

enum level { LEVEL_4K, LEVEL_2M, LEVEL_1G };
static const char *const level_name[] = { "4k", "2m", "1g" };

// The window's first page, mapped on that level with these rights to the page at data.
static uint64_t *leaf_of(enum level level)
{
    struct cpu *c = this_cpu();
    uint64_t *gigabytes = (uint64_t *)(uintptr_t)(c->ept_root[0] & 0x000ffffffffff000);
    if (level == LEVEL_1G && !(ept12_capabilities() & CAP_1G))
        test_skip("no 1 GiB pages in EPT");
    return level == LEVEL_4K ? &c->ept_table[0] : level == LEVEL_2M ? &c->ept_regions[0] : &gigabytes[WINDOW_PHYSICAL / HUGE_BYTES];
}

static uint64_t page_bytes(enum level level) { return level == LEVEL_4K ? PAGE_BYTES : level == LEVEL_2M ? LARGE_BYTES : HUGE_BYTES; }

// L2's linear address of what lies at data, when the leaf maps the page that data is in.
static uint64_t map(enum level level, uint64_t rights)
{
    const uint64_t target = address(this_cpu()->data), mask = page_bytes(level) - 1;
    *leaf_of(level) = (target & ~mask) | (level == LEVEL_4K ? 0 : EPT_LARGE) | (rights ? EPT_WB : 0) | rights;
    ept12_flush();
    return WINDOW_LINEAR + (target & mask);
}

static void want_violation(uint64_t linear, uint64_t access, uint64_t rights)
{
    want_exit(EXIT_EPT_VIOLATION);
    // Bits 11:9 need advanced information; bit 12 tells of an IRET.
    const uint64_t undefined = 0xe00;
    expect("qualification", R(EXIT_QUALIFICATION) & ~undefined, access | rights << 3 | QUALIFICATION_LINEAR);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR), linear - WINDOW_LINEAR + WINDOW_PHYSICAL);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), linear);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & EVENT_VALID, 0);
}

static void need_ept(void)
{
    NEED(PROC2, ENABLE_EPT);
}

// Each combination of rights that isn't a misconfiguration, each access, each size of page.
static void rights(uint64_t row)
{
    const enum level level = (enum level)row;
    need_ept();
    static const char *const codes[] = { ept_read, ept_write, ept_fetch };
    for (uint64_t r = 0; r < 8; r++) {
        if (r == 2 || r == 6 || (r == 4 && !(ept12_capabilities() & CAP_EXECUTE_ONLY)))
            continue;
        for (unsigned access = 0; access < 3; access++) {
            const uint64_t linear = map(level, r);
            *(uint8_t *)this_cpu()->data = 0xc3;  // RET, to be called
            l2_start(codes[access]);
            GPR(RSI) = linear;
            GPR(RAX) = 0xc3;
            if (r >> access & 1)
                want_end();
            else
                want_violation(linear, 1ull << access, r);
        }
    }
}

// A read-modify-write may be reported as a write, or as read and write.
static void modify(uint64_t unused)
{
    (void)unused;
    need_ept();
    const uint64_t linear = map(LEVEL_4K, EPT_READ);
    l2_start(ept_modify);
    GPR(RSI) = linear;
    want_exit(EXIT_EPT_VIOLATION);
    expect("qualification: a write", R(EXIT_QUALIFICATION) & 2, 2);
    expect("rights", R(EXIT_QUALIFICATION) >> 3 & 7, EPT_READ);
}

// The rights of all levels are combined.
static void rights_of_tables(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    need_ept();
    const uint64_t linear = map(LEVEL_4K, EPT_ALL);
    c->ept_regions[0] = address(c->ept_table) | EPT_READ;
    ept12_flush();
    l2_start(ept_write);
    GPR(RSI) = linear;
    want_violation(linear, 2, EPT_READ);
    c->ept_regions[0] = address(c->ept_table) | EPT_READ | EPT_WRITE;
    ept12_flush();
    want_end();
    l2_start(ept_fetch);
    GPR(RSI) = linear;
    want_violation(linear, 4, EPT_READ | EPT_WRITE);
    c->ept_regions[0] = 0;
    ept12_flush();
    l2_start(ept_read);
    GPR(RSI) = linear;
    want_violation(linear, 1, 0);
}

// Where nothing is mapped, at each level.
static void absent(uint64_t unused)
{
    (void)unused;
    need_ept();
    static const uint64_t offsets[] = { 0x1000, 0x1ff000, 0x200000, 0x3ffff000 };
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        l2_start(ept_read);
        GPR(RSI) = WINDOW_LINEAR + offsets[i];
        want_violation(WINDOW_LINEAR + offsets[i], 1, 0);
    }
}

// An entry that was absent counts as soon as it is written: such are never cached.
static void fill(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    need_ept();
    l2_start(ept_read_two);
    GPR(RSI) = WINDOW_LINEAR;
    c->data[0] = 0x1111;
    c->data[512] = 0x2222;
    want_violation(WINDOW_LINEAR, 1, 0);
    ept12_map(0, address(c->data) | EPT_WB | EPT_ALL);
    want_violation(WINDOW_LINEAR + 0x1000, 1, 0);
    expect("first page", GPR(RAX), 0x1111);
    ept12_map(1, address(c->data + 512) | EPT_WB | EPT_ALL);
    want_end();
    expect("second page", GPR(RBX), 0x2222);
}

// The ancestors' test: a page that one of many trees maps nowhere, and the others to pages of their own; the root changes with VMWRITE.
static void switch_roots(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    need_ept();
    uint64_t *gigabytes = c->page_a;
    for (uint64_t i = 0; i < 32; i++) {
        c->data[0] = 0x0101010101010101 * i;
        c->data[512] = 0x2020202020202020;
        ept12_map(0, i == 0 ? 0 : address(i & 1 ? c->data : c->data + 512) | EPT_WB | EPT_ALL);
        if (i & 2) {  // a second root with the same tables below
            gigabytes[0] = c->ept_root[0];
            W(EPTP, address(c->page_a) | (R(EPTP) & 0xfff));
        } else {
            W(EPTP, ept12_pointer(c));
        }
        ept12_flush();
        l2_start(ept_read);
        GPR(RSI) = WINDOW_LINEAR;
        if (i == 0) {
            want_violation(WINDOW_LINEAR, 1, 0);
        } else {
            want_end();
            expect("what the tree maps", GPR(RAX), i & 1 ? 0x0101010101010101 * i : 0x2020202020202020);
        }
    }
}

// Each 2 MiB of the window has a page table, one of two, and L2 reads a page of each, over and over: more tables than Bulkhead keeps records of
// and, where it has little memory, more than it can have. Two roots with the same tables below take turns. INVEPT counts for all, known or not.
L2(ept_read_regions, "1: imul $3, %rax\n\tadd (%rsi), %rax\n\tadd %rdx, %rsi\n\tdec %rcx\n\tjnz 1b");

static void many_tables(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    need_ept();
    uint64_t *const table[2] = { c->ept_table, c->page_a };
    static const uint64_t value[2] = { 0x1111, 0x2222 };
    for (unsigned i = 0; i < 2; i++) {
        c->data[i * 512] = value[i];
        table[i][0] = address(c->data + i * 512) | EPT_WB | EPT_ALL;
    }
    c->page_b[0] = c->ept_root[0];
    for (uint64_t round = 0; round < 6; round++) {
        uint64_t sum = 0;
        W(EPTP, address(round & 1 ? c->page_b : c->ept_root) | (R(EPTP) & 0xfff));
        for (uint64_t i = 0; i < 512; i++) {
            const uint64_t shown = i == WINDOW_SUPERVISOR_REGION ? 0 : i;
            c->ept_regions[i] = address(table[(i ^ i >> 4) >> round / 2 & 1]) | EPT_ALL;
            sum = sum * 3 + value[(shown ^ shown >> 4) >> round / 2 & 1];
        }
        ept12_flush();
        for (unsigned pass = 0; pass < 2; pass++) {
            l2_start(ept_read_regions);
            GPR(RAX) = 0;
            GPR(RCX) = 512;
            GPR(RDX) = LARGE_BYTES;
            GPR(RSI) = WINDOW_LINEAR;
            want_end();
            expect("sum of all regions", GPR(RAX), sum);
        }
    }
}

// Two 2 MiB pages of L2 exchanged, as the ancestors' test has it.
static void swapped_large_pages(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    need_ept();
    const uint64_t target = address(c->data), offset = target & (LARGE_BYTES - 1);
    c->data[0] = 'A';
    for (unsigned round = 0; round < 2; round++) {
        c->ept_regions[round] = (target - offset) | EPT_LARGE | EPT_WB | EPT_ALL;
        c->ept_regions[1 - round] = ((target - offset) ^ LARGE_BYTES) | EPT_LARGE | EPT_WB | EPT_ALL;
        ept12_flush();
        l2_start(ept_read);
        GPR(RSI) = WINDOW_LINEAR + round * LARGE_BYTES + offset;
        want_end();
        expect("value", GPR(RAX), 'A');
        const uint64_t *other = (const uint64_t *)(uintptr_t)(((target - offset) ^ LARGE_BYTES) + 0x1000);
        l2_start(ept_read);
        GPR(RSI) = WINDOW_LINEAR + (1 - round) * LARGE_BYTES + 0x1000;
        want_end();
        expect("value of the other", GPR(RAX), *other);
    }
}

// Entries that can't be (SDM 3C 29.3.3.1 "EPT Misconfigurations").
static const struct wrong { const char *name; enum level level; uint64_t entry; uint64_t unless; } wrong[] = {
    { "write_only", LEVEL_4K, EPT_WB | EPT_WRITE, 0 },
    { "write_execute", LEVEL_4K, EPT_WB | EPT_WRITE | EPT_EXECUTE, 0 },
    { "execute_only", LEVEL_4K, EPT_WB | EPT_EXECUTE, CAP_EXECUTE_ONLY },
    { "memory_type_2", LEVEL_4K, 2 << 3 | EPT_ALL, 0 },
    { "memory_type_3", LEVEL_4K, 3 << 3 | EPT_ALL, 0 },
    { "memory_type_7", LEVEL_4K, 7 << 3 | EPT_ALL, 0 },
    { "wide", LEVEL_4K, 1ull << 51 | EPT_WB | EPT_ALL, 0 },
    { "write_only", LEVEL_2M, EPT_LARGE | EPT_WB | EPT_WRITE, 0 },
    { "memory_type_2", LEVEL_2M, EPT_LARGE | 2 << 3 | EPT_ALL, 0 },
    { "not_aligned", LEVEL_2M, EPT_LARGE | EPT_WB | EPT_ALL | 1 << 12, 0 },
    { "table_reserved", LEVEL_2M, EPT_ALL | 1 << 3, 0 },
    { "table_reserved_6", LEVEL_2M, EPT_ALL | 1 << 6, 0 },
    { "table_write_only", LEVEL_2M, EPT_WRITE, 0 },
    { "table_wide", LEVEL_2M, 1ull << 50 | EPT_ALL, 0 },
    { "large_not_aligned", LEVEL_1G, EPT_LARGE | EPT_WB | EPT_ALL | 1 << 21, 0 },
    { "table_reserved", LEVEL_1G, EPT_ALL | 1 << 4, 0 },
};

static void misconfigured(uint64_t row)
{
    const struct wrong *w = &wrong[row];
    need_ept();
    if (w->unless & ept12_capabilities())
        test_skip("the CPU allows it");
    *leaf_of(w->level) = w->entry;
    ept12_flush();
    l2_start(ept_read);
    GPR(RSI) = WINDOW_LINEAR + 0x18;
    want_exit(EXIT_EPT_MISCONFIG);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR), WINDOW_PHYSICAL + 0x18);
}

// Bits that must be ignored aren't reserved.
static void ignored_bits(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    need_ept();
    c->data[0] = 0x77;
    ept12_map(0, address(c->data) | EPT_WB | EPT_ALL | 1ull << 11 | 1ull << 52 | 1ull << 62 | 0x80 | 1 << 6);
    c->ept_regions[0] |= 1ull << 11 | 1ull << 53 | 1ull << 61;
    ept12_flush();
    l2_start(ept_read);
    GPR(RSI) = WINDOW_LINEAR;
    want_end();
    expect("value", GPR(RAX), 0x77);
}

// L2's own page tables in a page that EPT12 doesn't let it read: the access is to a paging structure, bit 8 is 0.
static void paging_structure(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    need_ept();
    l2_start(ept_read);
    W(GUEST_CR3, WINDOW_PHYSICAL + 0x3000);
    want_exit(EXIT_EPT_VIOLATION);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR) & PAGE_MASK, WINDOW_PHYSICAL + 0x3000);
    expect("linear address valid, page walk", R(EXIT_QUALIFICATION) & 0x180, 0x80);
    expect("read", R(EXIT_QUALIFICATION) & 1, 1);
    ept12_map(3, address(c->page_root) | EPT_WB | EPT_ALL);
    GPR(RSI) = address(c->data);
    want_end();
}

static void accessed_dirty(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    need_ept();
    if (!(ept12_capabilities() & CAP_AD))
        test_skip("no EPT accessed and dirty flags");
    W(EPTP, R(EPTP) | 1 << 6);
    const uint64_t linear = map(LEVEL_4K, EPT_ALL);
    l2_start(ept_read);
    GPR(RSI) = linear;
    want_end();
    expect("accessed, not dirty", c->ept_table[0] & (EPT_ACCESSED | EPT_DIRTY), EPT_ACCESSED);
    expect("accessed in the table above", c->ept_regions[0] & EPT_ACCESSED, EPT_ACCESSED);
    l2_start(ept_write);
    GPR(RSI) = linear;
    want_end();
    expect("dirty", c->ept_table[0] & EPT_DIRTY, EPT_DIRTY);
}

static void capabilities(uint64_t unused)
{
    (void)unused;
    if (!HAS(PROC2, ENABLE_EPT))
        test_skip("no EPT");
    const uint64_t cap = ept12_capabilities();
    expect("4-level walk", cap >> 6 & 1, 1);
    expect("write-back tables", cap >> 14 & 1, 1);
    expect("INVEPT", cap >> 20 & 1, 1);
    expect("some INVEPT type", (cap >> 25 & 3) != 0, 1);
}

void ept_tests(void)
{
    for (unsigned i = 0; i < 3; i++)
        test_row("rights", level_name[i], rights, i);
    TEST(modify);
    TEST(rights_of_tables);
    TEST(absent);
    TEST(fill);
    TEST(switch_roots);
    TEST(many_tables);
    TEST(swapped_large_pages);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        static const char *const theme[] = { "misconfigured_4k", "misconfigured_2m", "misconfigured_1g" };
        test_row(theme[wrong[i].level], wrong[i].name, misconfigured, i);
    }
    TEST(ignored_bits);
    TEST(paging_structure);
    TEST(accessed_dirty);
    TEST(capabilities);
}

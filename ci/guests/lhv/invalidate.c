// SPDX-License-Identifier: BSD-2-Clause
// INVEPT and INVVPID: types, operands, faults, and what they must make L2 see (SDM 3C 29.4.3, 31.3).

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "vmx.h"
#include "x86.h"

void invalidate_tests(void);

L2(invalidate_read, "mov (%rsi), %rax");
L2(invalidate_write, "mov %rax, (%rsi)");

#define NOT_CANONICAL 0x800000000000ull
#define NOT_PRESENT   (1ull << 41)

enum { INVEPT_ONE = 1, INVEPT_ALL };
enum { INVVPID_ADDRESS, INVVPID_ONE, INVVPID_ALL, INVVPID_KEEP_GLOBAL };

static void invept_types(uint64_t unused)
{
    (void)unused;
    if (!HAS(PROC2, ENABLE_EPT))
        test_skip("no EPT");
    const uint64_t cap = ept12_capabilities(), eptp = ept12_pointer(this_cpu());
    expect("single context", (uint64_t)vmx_invept(INVEPT_ONE, eptp, 0), cap >> 25 & 1 ? 0 : ERROR_INVALIDATE_OPERAND);
    expect("all contexts", (uint64_t)vmx_invept(INVEPT_ALL, 0, 0), cap >> 26 & 1 ? 0 : ERROR_INVALIDATE_OPERAND);
    expect("all contexts, any EPTP", (uint64_t)vmx_invept(INVEPT_ALL, ~0ull, 0), cap >> 26 & 1 ? 0 : ERROR_INVALIDATE_OPERAND);
    static const uint64_t types[] = { 0, 3, 4, 0x80000001, 1ull << 32 | 1, ~0ull };
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        expect("type that doesn't exist", (uint64_t)vmx_invept(types[i], eptp, 0), ERROR_INVALIDATE_OPERAND);
}

static void invept_operand(uint64_t unused)
{
    (void)unused;
    if (!HAS(PROC2, ENABLE_EPT) || !(ept12_capabilities() >> 25 & 1))
        test_skip("no single-context INVEPT");
    const uint64_t eptp = ept12_pointer(this_cpu());
    expect("memory type", (uint64_t)vmx_invept(INVEPT_ONE, (eptp & ~7ull) | 2, 0), ERROR_INVALIDATE_OPERAND);
    expect("walk length", (uint64_t)vmx_invept(INVEPT_ONE, eptp & ~0x38ull, 0), ERROR_INVALIDATE_OPERAND);
    expect("reserved", (uint64_t)vmx_invept(INVEPT_ONE, eptp | 0x800, 0), ERROR_INVALIDATE_OPERAND);
    expect("wide", (uint64_t)vmx_invept(INVEPT_ONE, eptp | 1ull << 52, 0), ERROR_INVALIDATE_OPERAND);
    expect("an EPTP that nobody uses", (uint64_t)vmx_invept(INVEPT_ONE, address(this_cpu()->page_a) | 0x1e, 0), 0);
    expect("not canonical", (uint64_t)vmx_invept_at(INVEPT_ONE, NOT_CANONICAL), OUTCOME_FAULT + VECTOR_GP);
    expect("not present", (uint64_t)vmx_invept_at(INVEPT_ONE, NOT_PRESENT), OUTCOME_FAULT + VECTOR_PF);
    expect("CR2", this_cpu()->caught.cr2, NOT_PRESENT);
}

static void invvpid_types(uint64_t unused)
{
    (void)unused;
    if (!HAS(PROC2, ENABLE_VPID))
        test_skip("no VPID");
    const uint64_t cap = ept12_capabilities();
    for (uint64_t type = 0; type < 4; type++) {
        const uint64_t has = cap >> (40 + type) & 1;
        expect("type", (uint64_t)vmx_invvpid(type, 1, 0x12345678), has ? 0 : ERROR_INVALIDATE_OPERAND);
        expect("VPID 0", (uint64_t)vmx_invvpid(type, 0, 0), has && type == INVVPID_ALL ? 0 : ERROR_INVALIDATE_OPERAND);
        expect("not canonical", (uint64_t)vmx_invvpid(type, 1, NOT_CANONICAL), has && type != INVVPID_ADDRESS ? 0 : ERROR_INVALIDATE_OPERAND);
        if (has)
            expect("any VPID", (uint64_t)vmx_invvpid(type, 0xffff, 0), 0);
    }
    static const uint64_t types[] = { 4, 0x80000000, 1ull << 32, ~0ull };
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        expect("type that doesn't exist", (uint64_t)vmx_invvpid(types[i], 1, 0), ERROR_INVALIDATE_OPERAND);
}

static void invvpid_operand(uint64_t unused)
{
    (void)unused;
    if (!HAS(PROC2, ENABLE_VPID) || !(ept12_capabilities() >> 41 & 1))
        test_skip("no single-context INVVPID");
    for (uint64_t type = 0; type < 4; type++) {  // of the type that needs no VPID as well
        expect("bits 63:16", (uint64_t)vmx_invvpid(type, 0x10001, 0), ERROR_INVALIDATE_OPERAND);
        expect("bit 63", (uint64_t)vmx_invvpid(type, 1ull << 63 | 1, 0), ERROR_INVALIDATE_OPERAND);
    }
    expect("not canonical", (uint64_t)vmx_invvpid_at(INVVPID_ONE, NOT_CANONICAL), OUTCOME_FAULT + VECTOR_GP);
    expect("not present", (uint64_t)vmx_invvpid_at(INVVPID_ONE, NOT_PRESENT), OUTCOME_FAULT + VECTOR_PF);
}

// L1 takes rights away, or another page, and INVEPTs: L2 sees it at once.
static void invept_is_seen(uint64_t type)
{
    struct cpu *c = this_cpu();
    NEED(PROC2, ENABLE_EPT);
    if (!(ept12_capabilities() >> (24 + type) & 1))
        test_skip("no such INVEPT");
    const uint64_t eptp = ept12_pointer(c);
    c->data[0] = 0x1111;
    c->data[512] = 0x2222;
    for (unsigned round = 0; round < 3; round++) {
        ept12_map(0, address(c->data) | EPT_WB | EPT_ALL);
        expect("INVEPT", (uint64_t)vmx_invept(type, eptp, 0), 0);
        l2_start(invalidate_read);
        GPR(RSI) = WINDOW_LINEAR;
        want_end();
        expect("first page", GPR(RAX), 0x1111);
        ept12_map(0, address(c->data + 512) | EPT_WB | EPT_ALL);
        expect("INVEPT", (uint64_t)vmx_invept(type, eptp, 0), 0);
        l2_start(invalidate_read);
        want_end();
        expect("second page", GPR(RAX), 0x2222);
        ept12_map(0, address(c->data + 512) | EPT_WB | EPT_READ);
        expect("INVEPT", (uint64_t)vmx_invept(type, eptp, 0), 0);
        l2_start(invalidate_write);
        want_exit(EXIT_EPT_VIOLATION);
        expect("rights", R(EXIT_QUALIFICATION) >> 3 & 7, EPT_READ);
        ept12_map(0, 0);
        expect("INVEPT", (uint64_t)vmx_invept(type, eptp, 0), 0);
        l2_start(invalidate_read);
        want_exit(EXIT_EPT_VIOLATION);
        expect("rights", R(EXIT_QUALIFICATION) >> 3 & 7, 0);
    }
}

// A large page becomes a table, and a table a large page.
// An entry that fails leaves nothing behind: INVEPT works, and what it changed is seen by the L2 that then runs on the same tree.
static void invept_after_failed_entry(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    NEED(PROC2, ENABLE_EPT);
    if (!(ept12_capabilities() >> 25 & 1))
        test_skip("no single-context INVEPT");
    c->data[0] = 0x1111;
    c->data[512] = 0x2222;
    const uint64_t controls = R(PIN_CONTROLS);
    for (unsigned round = 0; round < 3; round++) {
        ept12_map(0, address(round & 1 ? c->data + 512 : c->data) | EPT_WB | EPT_ALL);
        l2_start(invalidate_read);
        GPR(RSI) = WINDOW_LINEAR;
        W(PIN_CONTROLS, 0);
        want_vmfail(ERROR_ENTRY_CONTROLS);
        W(PIN_CONTROLS, controls);
        W(GUEST_RFLAGS, 0);
        want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
        W(GUEST_RFLAGS, FLAG_FIXED);
        expect("INVEPT", (uint64_t)vmx_invept(INVEPT_ONE, ept12_pointer(c), 0), 0);
        want_end();
        expect("value", GPR(RAX), round & 1 ? 0x2222 : 0x1111);
    }
}

static void invept_splits(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    NEED(PROC2, ENABLE_EPT);
    const uint64_t target = address(c->data), offset = target & (LARGE_BYTES - 1);
    c->data[0] = 0x1111;
    c->page_a[0] = 0x3333;
    for (unsigned round = 0; round < 3; round++) {
        c->ept_regions[0] = (target - offset) | EPT_LARGE | EPT_WB | EPT_ALL;
        ept12_flush();
        l2_start(invalidate_read);
        GPR(RSI) = WINDOW_LINEAR + offset;
        want_end();
        expect("by a large page", GPR(RAX), 0x1111);
        c->ept_regions[0] = address(c->ept_table) | EPT_ALL;
        c->ept_table[offset / PAGE_BYTES] = address(c->page_a) | EPT_WB | EPT_ALL;
        ept12_flush();
        l2_start(invalidate_read);
        want_end();
        expect("by a table", GPR(RAX), 0x3333);
    }
}

// Many pages at once: as many as the window's table has.
static void invept_after_many(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    NEED(PROC2, ENABLE_EPT);
    for (unsigned i = 0; i < 512; i++)
        ept12_map(i, address(i & 1 ? c->data : c->data + 512) | EPT_WB | EPT_ALL);
    c->data[0] = 1;
    c->data[512] = 2;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 512; i += 37) {
            l2_start(invalidate_read);
            GPR(RSI) = WINDOW_LINEAR + i * PAGE_BYTES;
            want_end();
            expect("value", GPR(RAX), (i & 1) != round ? 1 : 2);
        }
        for (unsigned i = 0; i < 512; i++)
            ept12_map(i, address(i & 1 ? c->data + 512 : c->data) | EPT_WB | EPT_ALL);
        ept12_flush();
    }
}

// L2's own page tables change, and L1 INVVPIDs for it.
static void invvpid_is_seen(uint64_t type)
{
    struct cpu *c = this_cpu();
    NEED(PROC2, ENABLE_VPID);
    if (!(ept12_capabilities() >> (40 + type) & 1))
        test_skip("no such INVVPID");
    uint64_t *linear = (uint64_t *)(uintptr_t)(c->page_root[WINDOW_LINEAR >> 39] & 0xffffffffff000);
    const uint64_t before = linear[1], offset = address(c->data) & (HUGE_BYTES - 1);
    linear[1] = address(c->page_a) | 7;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 512; i++)
            c->page_a[i] = ((address(c->data) - offset) + i * LARGE_BYTES) | 0x87;
        c->data[0] = 0x1111 + round;
        (void)vmx_invvpid(type, 1 + c->index, WINDOW_LINEAR + HUGE_BYTES + offset);
        l2_start(invalidate_read);
        GPR(RSI) = WINDOW_LINEAR + HUGE_BYTES + offset;
        want_end();
        expect("value", GPR(RAX), 0x1111 + round);
        c->page_a[offset / LARGE_BYTES] = 0;
        (void)vmx_invvpid(type, 1 + c->index, WINDOW_LINEAR + HUGE_BYTES + offset);
        l2_start(invalidate_read);
        want_trap(VECTOR_PF);
        l2_run();
    }
    linear[1] = before;
}

void invalidate_tests(void)
{
    static const char *const invept_name[] = { "", "single", "all" }, *const invvpid_name[] = { "address", "single", "all", "keep_global" };
    TEST(invept_types);
    TEST(invept_operand);
    TEST(invvpid_types);
    TEST(invvpid_operand);
    for (unsigned i = 1; i < 3; i++)
        test_row("invept_is_seen", invept_name[i], invept_is_seen, i);
    TEST(invept_after_failed_entry);
    TEST(invept_splits);
    TEST(invept_after_many);
    for (unsigned i = 0; i < 4; i++)
        test_row("invvpid_is_seen", invvpid_name[i], invvpid_is_seen, i);
}

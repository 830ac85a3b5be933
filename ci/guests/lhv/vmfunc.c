// SPDX-License-Identifier: BSD-2-Clause
// VM functions: EPTP switching (SDM 3C 26.5.6 "VM Functions").

#include <caps/addr.h>

#include "ept12.h"
#include "l2.h"
#include "trap.h"
#include "vmx.h"

void vmfunc_tests(void);

// RAX: the function; RCX: the list's index.
L2(vmfunc_once, "vmfunc");
// Reads the window before, with the other list entry, and with the first one again.
L2(vmfunc_and_back, "mov (%rbx), %r8\n\tvmfunc\n\tmov (%rbx), %r9\n\tmov $0, %ecx\n\tvmfunc\n\tmov (%rbx), %r10");

#define SWITCHING 1ull
#define VALUE_A   0x1111111111111111ull
#define VALUE_B   0x2222222222222222ull

static uint64_t *second_table(void) { return this_cpu()->data + PAGE_BYTES / sizeof(uint64_t); }

// A second EPT12, in which another page is behind the window's first one: page_b is its root, low pages' tables are the first one's.
static uint64_t second_ept(void)
{
    struct cpu *c = this_cpu();
    uint64_t *root = c->page_b, *gigabytes = c->page_c, *regions = c->data, *table = second_table();
    const uint64_t *first = (const uint64_t *)(uintptr_t)(c->ept_root[0] & PAGE_MASK);
    for (unsigned i = 0; i < 512; i++)
        gigabytes[i] = first[i];
    root[0] = address(gigabytes) | EPT_ALL;
    gigabytes[WINDOW_PHYSICAL / HUGE_BYTES] = address(regions) | EPT_ALL;
    regions[0] = address(table) | EPT_ALL;
    return address(root) | 3ull << 3 | 6;
}

// The list: the EPTP that L2 starts with, the second one, some that VM entry wouldn't take, zeros.
static uint64_t *list(void) { return this_cpu()->page_a; }

static uint64_t start(const char *code, uint64_t controls)
{
    NEED(PROC2, ENABLE_VMFUNC);
    NEED(PROC2, ENABLE_EPT);
    const uint64_t second = second_ept();
    list()[0] = R(EPTP);
    list()[1] = second;
    list()[2] = (second & ~7ull) | 1;
    list()[3] = second & ~(7ull << 3);
    list()[4] = second | 1ull << 62;
    list()[5] = second | 1 << 8;
    list()[511] = second;
    W(EPTP_LIST_ADDR, address(list()));
    W(VM_FUNCTION_CONTROL, controls);
    l2_start(code);
    GPR(RAX) = 0;
    GPR(RCX) = 1;
    GPR(RBX) = WINDOW_LINEAR;
    return second;
}

static void switches(uint64_t unused)
{
    (void)unused;
    const uint64_t second = start(vmfunc_once, SWITCHING), before = R(EPTP);
    want_end();
    expect("EPTP", R(EPTP), second);
    expect("EAX", GPR(RAX), 0);
    expect("ECX", GPR(RCX), 1);
    GPR(RCX) = 0;
    l2_start(vmfunc_once);
    want_end();
    expect("EPTP", R(EPTP), before);
    // Upper halves of RAX and RCX don't count; the last entry is one, too; and in user mode.
    GPR(RAX) = 1ull << 32;
    GPR(RCX) = 1ull << 32 | 511;
    l2_user();
    l2_start(vmfunc_once);
    want_end();
    expect("EPTP", R(EPTP), second);
}

// Each EPT12 shows its own page.
static void other_memory(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    start(vmfunc_and_back, SWITCHING);
    uint64_t *table = second_table(), *a = (uint64_t *)(void *)c->pal + 512, *b = (uint64_t *)(void *)c->pal;
    *a = VALUE_A;
    *b = VALUE_B;
    ept12_map(0, address(a) | EPT_WB | EPT_ALL);
    table[0] = address(b) | EPT_WB | EPT_ALL;
    want_end();
    expect("with the first EPTP", GPR(R8), VALUE_A);
    expect("with the second", GPR(R9), VALUE_B);
    expect("with the first again", GPR(R10), VALUE_A);
    // A page that only the second lacks: its violation is told with EPTP as it is.
    table[0] = 0;
    ept12_flush();
    l2_start(vmfunc_and_back);
    GPR(RCX) = 1;
    want_exit(EXIT_EPT_VIOLATION);
    expect("address", R(GUEST_PHYSICAL_ADDR), WINDOW_PHYSICAL);
    expect("EPTP", R(EPTP), list()[1]);
    expect("before it", GPR(R8), VALUE_A);
    *a = *b = 0;
}

// What it may not do is an exit, and nothing has changed.
static void exits(uint64_t row)
{
    static const struct { uint64_t controls, function, index; } how[] = {
        { 0, 0, 1 }, { SWITCHING, 1, 1 }, { SWITCHING, 63, 1 }, { SWITCHING, 0, 512 }, { SWITCHING, 0, 0xffffffff }, { SWITCHING, 0, 2 }, { SWITCHING, 0, 3 },
        { SWITCHING, 0, 4 }, { SWITCHING, 0, 5 }, { SWITCHING, 0, 6 },
    };
    start(vmfunc_once, how[row].controls);
    const uint64_t before = R(EPTP);
    GPR(RAX) = how[row].function;
    GPR(RCX) = how[row].index;
    want_exit_with(EXIT_VMFUNC, 0);
    expect("RIP at the instruction", R(GUEST_RIP), address(vmfunc_once));
    expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), 3);
    expect("EPTP", R(EPTP), before);
}

// With the monitor trap flag there is an exit behind it (SDM 3C 26.5.2 "Monitor Trap Flag"), not behind the next instruction.
static void stepped(uint64_t unused)
{
    (void)unused;
    const uint64_t second = start(vmfunc_once, SWITCHING);
    NEED(PROC, MONITOR_TRAP_FLAG);
    want_exit(EXIT_MONITOR_TRAP);
    expect("GUEST_RIP", R(GUEST_RIP), address(vmfunc_once) + 3);
    expect("EPTP", R(EPTP), second);
    CLEAR(PROC, MONITOR_TRAP_FLAG);
    want_end();
}

static void undefined(uint64_t row)
{
    start(vmfunc_once, SWITCHING);
    if (row == 0)
        CLEAR(PROC2, ENABLE_VMFUNC);
    else
        GPR(RAX) = 63 + row;
    want_trap(VECTOR_UD);
}

void vmfunc_tests(void)
{
    TEST(switches);
    TEST(other_memory);
    TEST(stepped);
    static const char *const exit_name[] = { "not_enabled", "function_1", "function_63", "index_512", "index_huge", "memory_type", "walk_length", "wide",
                                             "reserved", "zero" };
    for (unsigned row = 0; row < sizeof(exit_name) / sizeof(exit_name[0]); row++)
        test_row("exits", exit_name[row], exits, row);
    static const char *const undefined_name[] = { "control_off", "function_64", "function_65" };
    for (unsigned row = 0; row < 3; row++)
        test_row("undefined", undefined_name[row], undefined, row);
}

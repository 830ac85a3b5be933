// SPDX-License-Identifier: BSD-2-Clause
// VMCS shadowing for L1: shadow VMCS12s, the link pointer, and an L2's VMREAD and VMWRITE.
#include <stdio.h>
#include <string.h>

#include "l1.h"

#define SHADOW_PAGE  (VMCS_PAGE + 0x1000)
#define READ_BITMAP  0x310000ull
#define WRITE_BITMAP 0x311000ull
#define INDICATOR    0x80000000u
#define L2_RIP       0x12340ull

static uint8_t *read_bitmap(void) { return world_at(READ_BITMAP); }
static uint8_t *write_bitmap(void) { return world_at(WRITE_BITMAP); }
static void set_bit(uint8_t *bitmap, uint32_t number, bool value)
{
    bitmap[number / 8] = (uint8_t)((bitmap[number / 8] & ~(1u << number % 8)) | (unsigned)value << number % 8);
}

// L2 may read and write everything, on the shadow VMCS12 at SHADOW_PAGE.
static void start(void)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set_region(SHADOW_PAGE, REVISION | INDICATOR);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_VMCS_SHADOWING);
    l1_set(VMCS_VMREAD_BITMAP, READ_BITMAP);
    l1_set(VMCS_VMWRITE_BITMAP, WRITE_BITMAP);
    l1_set(VMCS_VMCS_LINK_POINTER, SHADOW_PAGE);
}

static void launch(void)
{
    start();
    l1_launch();
}

// L2's instruction, of RBX (or memory, by `information`) and the encoding in R9: the flags that it leaves, or what it ended in.
enum { EXITED = 0x100, FAULTED = 0x200 };
static unsigned execute(enum exit_reason reason, uint64_t encoding, uint64_t information)
{
    world_gpr[GPR_R9] = encoding;
    l2[VMCS_GUEST_RIP] = L2_RIP;
    l2[VMCS_EXIT_INSTRUCTION_LENGTH] = 3;
    l2[VMCS_EXIT_INSTRUCTION_INFO] = information | (unsigned)GPR_R9 << 28;
    l2[VMCS_GUEST_RFLAGS] = 0x8d7;
    l2[VMCS_ENTRY_INTR_INFO] = 0;
    if (l2_exit(reason) == ENTERED_L1)
        return EXITED;
    if (l2[VMCS_ENTRY_INTR_INFO] & (1u << 31)) {
        CHECK_EQ(l2[VMCS_GUEST_RIP], L2_RIP);
        CHECK_EQ(l2[VMCS_GUEST_RFLAGS], 0x108d7);
        return FAULTED | (l2[VMCS_ENTRY_INTR_INFO] & 0xff);
    }
    CHECK_EQ(l2[VMCS_GUEST_RIP], L2_RIP + 3);
    return l2[VMCS_GUEST_RFLAGS] & RFLAGS_STATUS;
}

#define REGISTER (1u << 10 | GPR_RBX << 3)
static unsigned l2_vmread(uint64_t encoding) { return execute(EXIT_VMREAD, encoding, REGISTER); }
static unsigned l2_vmwrite(uint64_t encoding, uint64_t value)
{
    world_gpr[GPR_RBX] = value;
    return execute(EXIT_VMWRITE, encoding, REGISTER);
}

// After an exit to L1, back again.
static void resume(void) { CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2); }

static uint64_t width(unsigned field) { return width_mask(encoding_width(vmcs_field_info[field].encoding)); }

TEST(a_shadow_vmcs_is_current_like_any_other_but_never_entered)
{
    start();
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, SHADOW_PAGE), SUCCEEDED);
    l1_fill_vmcs();
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_INVALID);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), FAILED_INVALID);
    world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_INTERRUPTIBILITY] = 2;
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_INVALID);
    world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_INTERRUPTIBILITY] = 0;
    // VMCLEAR leaves the indicator there, which is L1's.
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, SHADOW_PAGE), SUCCEEDED);
    CHECK_EQ(*(uint32_t *)world_at(SHADOW_PAGE), REVISION | INDICATOR);
    l1_set_region(SHADOW_PAGE, REVISION);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, SHADOW_PAGE), SUCCEEDED);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
}

TEST(without_shadowing_there_are_no_shadow_vmcss)
{
    world_info.vmx_msr[11] &= ~((uint64_t)PROC2_VMCS_SHADOWING << 32);
    l1_start_with_vmcs();
    l1_set_region(SHADOW_PAGE, REVISION | INDICATOR);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, SHADOW_PAGE), FAILED_VALID);
    CHECK_EQ(l1_error(), 11);
}

TEST(the_linked_vmcs_is_what_the_control_says)
{
    static const struct { uint64_t link; uint32_t first; bool shadowing, good; } row[] = {
        { ~0ull, 0, true, true },
        { SHADOW_PAGE, REVISION | INDICATOR, true, true },
        { SHADOW_PAGE, REVISION, true, false },
        { SHADOW_PAGE, (REVISION | INDICATOR) ^ 1, true, false },
        { SHADOW_PAGE, ~0u, true, false },
        { SHADOW_PAGE | 8, REVISION | INDICATOR, true, false },
        { SHADOW_PAGE | 1ull << 40, REVISION | INDICATOR, true, false },
        { SHADOW_PAGE | 1ull << 63, REVISION | INDICATOR, true, false },
        { WORLD_BYTES, 0, true, false },
        { SHADOW_PAGE, REVISION, false, true },
        { SHADOW_PAGE, REVISION | INDICATOR, false, false },
        { VMCS_PAGE, 0, false, false },
    };
    start();
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        const uint64_t controls = l1_get(VMCS_PROC_CONTROLS2) & ~(uint64_t)PROC2_VMCS_SHADOWING;
        l1_set_region(SHADOW_PAGE, row[i].first);
        l1_set(VMCS_PROC_CONTROLS2, controls | (row[i].shadowing ? PROC2_VMCS_SHADOWING : 0));
        l1_set(VMCS_VMCS_LINK_POINTER, row[i].link);
        CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
        const enum outcome outcome = l1_execute(EXIT_VMLAUNCH);
        if (outcome != (row[i].good ? ENTERED_L2 : ENTERED_L1))
            printf("# row %u\n", i);
        CHECK_EQ(outcome, row[i].good ? ENTERED_L2 : ENTERED_L1);
        if (row[i].good) {
            CHECK_EQ(l2[VMCS_PROC_CONTROLS2] & PROC2_VMCS_SHADOWING, 0);
            CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        } else {
            CHECK_EQ(l1_get(VMCS_EXIT_REASON), 0x80000021);
            CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), 4);
        }
    }
}

TEST(each_entry_looks_at_the_linked_vmcs)
{
    launch();
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        resume();
    }
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set_region(SHADOW_PAGE, REVISION);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EXIT_REASON), 0x80000021);
    l1_set_region(SHADOW_PAGE, REVISION | INDICATOR);
    world_unmap(SHADOW_PAGE, PAGE_BYTES);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), 4);
}

TEST(l2_reads_and_writes_each_field)
{
    launch();
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        const uint32_t encoding = vmcs_field_info[field].encoding;
        const uint64_t value = 0x9e3779b97f4a7c15ull * (field + 1);
        uint64_t dummy = 0;
        world_gpr[GPR_RBX] = WORLD_POISON;
        if (l2_vmread(encoding) == 0x40) {
            CHECK_EQ(world_gpr[GPR_RBX], WORLD_POISON);
            CHECK_EQ(l2_vmwrite(encoding, value), 0x40);
            CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
            CHECK_EQ(l1_error(), 12);
            CHECK_EQ(l1_vmread(encoding, &dummy), FAILED_VALID);
            resume();
            continue;
        }
        CHECK_EQ(world_gpr[GPR_RBX], 0);
        CHECK_EQ(l2_vmwrite(encoding, value), 0);
        CHECK_EQ(l2_vmread(encoding), 0);
        CHECK_EQ(world_gpr[GPR_RBX], value & width(field));
    }
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, SHADOW_PAGE), SUCCEEDED);
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        uint64_t value = 0;
        if (field != VMCS_INSTRUCTION_ERROR && l1_vmread(vmcs_field_info[field].encoding, &value) == SUCCEEDED)
            CHECK_EQ(l1_get((enum vmcs_field)field), (0x9e3779b97f4a7c15ull * (field + 1)) & width(field));
    }
}

// What L1 wrote into its shadow VMCS of the same fields, and what the CPU's holds, is not taken for what L2 has written since.
TEST(l1_finds_what_l2_has_written)
{
    start();
    for (uint64_t round = 0; round < 3; round++) {
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, SHADOW_PAGE), SUCCEEDED);
        if (round != 0)
            CHECK_EQ(l1_get(VMCS_GUEST_RIP), 0x7000 + round - 1);
        l1_set(VMCS_GUEST_RIP, 0x6000 + round);
        l1_set(VMCS_GUEST_CR3, 0x8000 + round);
        if (round == 1)
            CHECK_EQ(l1_with_address(EXIT_VMCLEAR, SHADOW_PAGE), SUCCEEDED);
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
        CHECK_EQ(l1_execute(round == 0 ? EXIT_VMLAUNCH : EXIT_VMRESUME), ENTERED_L2);
        CHECK_EQ(l2_vmread(0x681e), 0);
        CHECK_EQ(world_gpr[GPR_RBX], 0x6000 + round);
        CHECK_EQ(l2_vmread(0x6802), 0);
        CHECK_EQ(world_gpr[GPR_RBX], 0x8000 + round);
        CHECK_EQ(l2_vmwrite(0x681e, 0x7000 + round), 0);
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    }
}

TEST(a_bit_of_a_bitmap_is_an_exit)
{
    launch();
    for (uint32_t encoding = 0; encoding < 0x8000; encoding += 0x3f1) {
        set_bit(read_bitmap(), encoding, true);
        CHECK_EQ(l2_vmread(encoding), EXITED);
        CHECK_EQ(l1_get(VMCS_EXIT_REASON), EXIT_VMREAD);
        CHECK_EQ(l1_get(VMCS_EXIT_INSTRUCTION_INFO), REGISTER | (unsigned)GPR_R9 << 28);
        CHECK_EQ(l1_get(VMCS_GUEST_RIP), L2_RIP);
        resume();
        CHECK(l2_vmwrite(encoding, 1) != EXITED);
        set_bit(read_bitmap(), encoding, false);
        set_bit(write_bitmap(), encoding, true);
        CHECK(l2_vmread(encoding) != EXITED);
        CHECK_EQ(l2_vmwrite(encoding, 1), EXITED);
        resume();
        set_bit(write_bitmap(), encoding, false);
    }
    for (unsigned bit = 15; bit < 64; bit++) {
        CHECK_EQ(l2_vmread(1ull << bit | 0x681e), EXITED);
        resume();
    }
    // In 32-bit code bits 63:32 don't count.
    l2[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xc09b;
    CHECK_EQ(l2_vmread(1ull << 32 | 0x681e), 0);
    CHECK_EQ(l2_vmread(1ull << 31 | 0x681e), EXITED);
    resume();
    // What isn't there reads all ones.
    world_unmap(READ_BITMAP, PAGE_BYTES);
    CHECK_EQ(l2_vmread(0x681e), EXITED);
}

TEST(without_the_control_all_are_exits)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    CHECK_EQ(l2_vmread(0x681e), EXITED);
    resume();
    CHECK_EQ(l2_vmwrite(0x681e, 1), EXITED);
}

TEST(the_halves_of_a_field)
{
    launch();
    CHECK_EQ(l2_vmwrite(0x2010, 0x1111111122222222), 0);
    CHECK_EQ(l2_vmread(0x2011), 0);
    CHECK_EQ(world_gpr[GPR_RBX], 0x11111111);
    CHECK_EQ(l2_vmwrite(0x2011, 0xffffffff33333333), 0);
    CHECK_EQ(l2_vmread(0x2010), 0);
    CHECK_EQ(world_gpr[GPR_RBX], 0x3333333322222222);
    CHECK_EQ(l2_vmread(0x681f), 0x40);
    l2[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xc09b;
    CHECK_EQ(l2_vmread(0x2010), 0);
    CHECK_EQ(world_gpr[GPR_RBX], 0x22222222);
}

TEST(no_linked_vmcs_is_vmfail_invalid)
{
    start();
    l1_set(VMCS_VMCS_LINK_POINTER, ~0ull);
    l1_launch();
    world_gpr[GPR_RBX] = 5;
    CHECK_EQ(l2_vmread(0x681e), 1);
    CHECK_EQ(world_gpr[GPR_RBX], 5);
    CHECK_EQ(l2_vmwrite(0x681e, 6), 1);
}

TEST(privilege_comes_behind_the_exit)
{
    launch();
    l2[VMCS_GUEST_SS_ACCESS_RIGHTS] |= 3 << 5;
    CHECK_EQ(l2_vmread(0x681e), FAULTED | 13);
    CHECK_EQ(l2_vmwrite(0x681e, 1), FAULTED | 13);
    set_bit(read_bitmap(), 0x681e, true);
    CHECK_EQ(l2_vmread(0x681e), EXITED);
}

// Undefined: it is active on two CPUs. Nobody's values are lost.
TEST(a_shadow_vmcs_that_is_current_elsewhere_is_not_l2s)
{
    launch();
    CHECK_EQ(l2_vmwrite(0x681e, 0x1234), 0);
    world_cpu = 1;
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, SHADOW_PAGE), SUCCEEDED);
    world_cpu = 0;
    CHECK_EQ(l2_vmwrite(0x681e, 0x5678), 1);
    CHECK_EQ(l2_vmread(0x681e), 1);
    world_cpu = 1;
    CHECK_EQ(l1_get(VMCS_GUEST_RIP), 0x1234);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, SHADOW_PAGE), SUCCEEDED);
    world_cpu = 0;
    CHECK_EQ(l2_vmread(0x681e), 0);
    CHECK_EQ(world_gpr[GPR_RBX], 0x1234);
}

// The link pointer's VMCS12 takes a place, and does not make room for itself: what L2 writes there it reads again. L2's first access is a write: had the place been
// given up by it, the next one would read the region anew. VMCLEAR frees a place besides, in one round the one that is the next to be given up.
TEST(a_linked_vmcs12_never_makes_room_for_itself)
{
    enum { REGIONS = 70 };
    const uint64_t other = VMCS_PAGE + 0x10000;
    start();
    for (unsigned i = 0; i < REGIONS; i++)
        l1_set_region(other + i * 0x1000, REVISION);
    for (unsigned round = 0; round < REGIONS; round++) {
        for (unsigned i = 0; i < REGIONS; i++)
            CHECK_EQ(l1_with_address(EXIT_VMPTRLD, other + i * 0x1000), SUCCEEDED);
        CHECK_EQ(l1_with_address(EXIT_VMCLEAR, other + round * 0x1000), SUCCEEDED);
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
        CHECK_EQ(l1_execute(round == 0 ? EXIT_VMLAUNCH : EXIT_VMRESUME), ENTERED_L2);
        CHECK_EQ(l2_vmwrite(0x6c14, round + 1), 0);
        CHECK_EQ(l2_vmread(0x6c14), 0);
        CHECK_EQ(world_gpr[GPR_RBX], round + 1);
        CHECK_EQ(l2_vmread(0x6c16), 0);
        CHECK_EQ(world_gpr[GPR_RBX], round);
        CHECK_EQ(l2_vmwrite(0x6c16, round + 1), 0);
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    }
}

// L1 writes something else there while it is linked, cleared or not: an L2 reads numbers, and nothing else happens.
TEST(a_linked_region_may_become_anything)
{
    launch();
    memset(world_at(SHADOW_PAGE), 0xff, PAGE_BYTES);
    CHECK_EQ(l2_vmread(0x0800), 0);
    CHECK_EQ(world_gpr[GPR_RBX], 0xffff);
    CHECK_EQ(l2_vmwrite(0x0800, 0x1234), 0);
    world_unmap(SHADOW_PAGE, PAGE_BYTES);
    CHECK_EQ(l2_vmread(0x0800), 0);
    CHECK_EQ(world_gpr[GPR_RBX], 0x1234);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
}

// L2's tables: linear 2 MiB pages to L2-physical ones, those to L1-physical memory 16 MiB above.
static void tables(uint64_t ept_rights)
{
    const uint64_t offset = 16ull << 20, cr3 = 0x20000;
    uint64_t *ept = world_at(EPTP12 & PAGE_MASK), *ept3 = world_at(0x410000), *ept2 = world_at(0x411000);
    uint64_t *table = world_at(offset + cr3), *pdpt = world_at(offset + cr3 + 0x1000), *pd = world_at(offset + cr3 + 0x2000);
    ept[0] = 0x410000 | 7;
    ept3[0] = 0x411000 | 7;
    table[0] = (cr3 + 0x1000) | 7;
    pdpt[0] = (cr3 + 0x2000) | 7;
    for (uint64_t i = 0; i < 8; i++) {
        ept2[i] = (offset + (i << 21)) | 0xb0 | (i == 3 ? ept_rights : 7);
        pd[i] = i == 4 ? 0 : i << 21 | 0x87;
    }
    l2[VMCS_GUEST_CR0] = 0x80050033;
    l2[VMCS_GUEST_CR3] = cr3;
    l2[VMCS_GUEST_CR4] = 0x2020;
    l2[VMCS_GUEST_EFER] = 0xd01;
}

#define MEMORY (2u << 7 | 3u << 15 | 1u << 22 | 1u << 27)  // 64-bit addresses, DS, neither index nor base
static unsigned with_memory(enum exit_reason reason, uint64_t encoding, uint64_t linear)
{
    l2[VMCS_EXIT_QUALIFICATION] = linear;
    return execute(reason, encoding, MEMORY);
}

TEST(an_operand_in_l2s_memory)
{
    uint64_t *cell = world_at((16ull << 20) + 0x200000);
    launch();
    tables(7);
    cell[0] = 0x1122334455667788;
    CHECK_EQ(with_memory(EXIT_VMWRITE, 0x6802, 0x200000), 0);
    CHECK_EQ(with_memory(EXIT_VMREAD, 0x6802, 0x200008), 0);
    CHECK_EQ(cell[1], 0x1122334455667788);
    CHECK_EQ(cell[2], 0);
    // L2's page fault, its non-canonical address; EPT12 in the way: L1's.
    CHECK_EQ(with_memory(EXIT_VMREAD, 0x6802, 0x800000), FAULTED | 14);
    CHECK_EQ(world_gpr[GPR_CR2], 0x800000);
    CHECK_EQ(l2[VMCS_ENTRY_EXCEPTION_ERROR], 2);
    CHECK_EQ(with_memory(EXIT_VMWRITE, 0x6802, 1ull << 47), FAULTED | 13);
    tables(1);
    CHECK_EQ(with_memory(EXIT_VMREAD, 0x6802, 0x600000), EXITED);
    CHECK_EQ(l1_get(VMCS_EXIT_REASON), EXIT_VMREAD);
    CHECK_EQ(*(uint64_t *)world_at((16ull << 20) + 0x600000), 0);
    resume();
    CHECK_EQ(with_memory(EXIT_VMWRITE, 0x6802, 0x600000), 0);
    // What EPT12 leads to is not there.
    world_unmap((16ull << 20) + 0x200000, PAGE_BYTES);
    CHECK_EQ(with_memory(EXIT_VMWRITE, 0x6802, 0x200000), 0);
    CHECK_EQ(l2_vmread(0x6802), 0);
    CHECK_EQ(world_gpr[GPR_RBX], ~0ull);
}

// What the exit to L1 says of an exception that L2's instruction ends in.
static void check_exception(uint64_t event, uint64_t error, uint64_t qualification)
{
    CHECK_EQ(l1_get(VMCS_EXIT_REASON), EXIT_EXCEPTION_OR_NMI);
    CHECK_EQ(l1_get(VMCS_EXIT_INTR_INFO), event);
    CHECK_EQ(l1_get(VMCS_EXIT_INTR_ERROR), error);
    CHECK_EQ(l1_get(VMCS_IDT_VECTORING_INFO), 0);
    CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), qualification);
    CHECK_EQ(l1_get(VMCS_GUEST_RIP), L2_RIP);
    CHECK_EQ(l1_get(VMCS_GUEST_RFLAGS), 0x108d7);
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO] & (1u << 31), 0);
    resume();
}

#define GP 0x80000b0d
#define SS 0x80000b0c
#define PF 0x80000b0e
TEST(l1_gets_the_exceptions_that_it_wants)
{
    start();
    l1_set(VMCS_EXCEPTION_BITMAP, 1u << 12 | 1u << 13);
    l1_launch();
    tables(7);
    world_gpr[GPR_CR2] = 0x77;
    // Not an operand's fault: the privilege level's.
    l2[VMCS_GUEST_SS_ACCESS_RIGHTS] |= 3 << 5;
    CHECK_EQ(l2_vmread(0x681e), EXITED);
    check_exception(GP, 0, 0);
    l2[VMCS_GUEST_SS_ACCESS_RIGHTS] &= ~(3ull << 5);
    CHECK_EQ(with_memory(EXIT_VMWRITE, 0x6802, 1ull << 47), EXITED);
    check_exception(GP, 0, 0);
    l2[VMCS_EXIT_QUALIFICATION] = 1ull << 47;
    CHECK_EQ(execute(EXIT_VMREAD, 0x6802, (MEMORY & ~(7u << 15)) | 2u << 15), EXITED);
    check_exception(SS, 0, 0);
    // A #PF that the bitmap doesn't name is L2's; one that it names, by the error code.
    CHECK_EQ(with_memory(EXIT_VMREAD, 0x6802, 0x800010), FAULTED | 14);
    CHECK_EQ(world_gpr[GPR_CR2], 0x800010);
    world_gpr[GPR_CR2] = 0x77;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_EXCEPTION_BITMAP, 1u << 14);
    l1_set(VMCS_PF_ERROR_MASK, 2);
    l1_set(VMCS_PF_ERROR_MATCH, 2);
    resume();
    CHECK_EQ(with_memory(EXIT_VMREAD, 0x6802, 0x800010), EXITED);
    check_exception(PF, 2, 0x800010);
    CHECK_EQ(world_gpr[GPR_CR2], 0x77);
    CHECK_EQ(with_memory(EXIT_VMWRITE, 0x6802, 0x800010), FAULTED | 14);
    CHECK_EQ(with_memory(EXIT_VMWRITE, 0x6802, 1ull << 47), FAULTED | 13);
    // The same for what another instruction ends in: WRMSR of a capability MSR, which VMCS12's bitmap lets through.
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_EXCEPTION_BITMAP, 1u << 13);
    ((uint8_t *)world_at(MSR_BITMAP))[0x800 + 0x480 / 8] = 0;
    resume();
    world_gpr[GPR_RCX] = 0x480;
    l2[VMCS_GUEST_RIP] = L2_RIP;
    l2[VMCS_ENTRY_INTR_INFO] = 0;
    CHECK_EQ(l2_exit(EXIT_WRMSR), ENTERED_L1);
    check_exception(GP, 0, 0);
}

TEST(rsp_as_an_operand)
{
    launch();
    CHECK_EQ(l2_vmwrite(0x681c, 0xabc0), 0);
    CHECK_EQ(execute(EXIT_VMREAD, 0x681c, 1u << 10 | GPR_RSP << 3), 0);
    CHECK_EQ(l2[VMCS_GUEST_RSP], 0xabc0);
    l2[VMCS_GUEST_RSP] = 0xdef0;
    CHECK_EQ(execute(EXIT_VMWRITE, 0x6802, 1u << 10 | GPR_RSP << 3), 0);
    CHECK_EQ(l2_vmread(0x6802), 0);
    CHECK_EQ(world_gpr[GPR_RBX], 0xdef0);
}

// A message that is cut short anywhere is done once.
TEST(it_can_be_done_twice)
{
    for (uint32_t cut = 1; cut < 6; cut++) {
        launch();
        CHECK_EQ(l2_vmwrite(0x681e, 0x1111), 0);
        world_cut = cut;
        CHECK_EQ(l2_vmwrite(0x681e, 0x2222), 0);
        world_cut = cut;
        CHECK_EQ(l2_vmread(0x681e), 0);
        CHECK_EQ(world_gpr[GPR_RBX], 0x2222);
        world_cut = 0;
        if (l2_exit(EXIT_CPUID) != ENTERED_L1)
            CHECK(0);
        CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    }
}

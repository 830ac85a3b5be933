// SPDX-License-Identifier: BSD-2-Clause
// Page-modification logging: what `ept` and others leave to nestvmx, and what L1 finds in its log.
#include <rt/walk12.h>

#include "l1.h"

#define LOG    0x330000ull
#define TABLE  0x412000ull  // EPT12's page table, for the first 2 MiB of L2-physical memory
#define A      ENTRY12_ACCESSED
#define D      ENTRY12_DIRTY
#define READ   1u
#define WRITE  2u
#define LEAF(i) (0x1000000ull + (i) * PAGE_BYTES + 0x37)

static uint64_t *entry(unsigned i) { return (uint64_t *)world_at(TABLE) + i; }
static uint64_t *log_entry(unsigned i) { return (uint64_t *)world_at(LOG) + i; }

static void start(uint64_t index)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    *(uint64_t *)world_at(EPTP12 & PAGE_MASK) = 0x410000 | 7;
    *(uint64_t *)world_at(0x410000) = 0x411000 | 7;
    *(uint64_t *)world_at(0x411000) = TABLE | 7;
    for (unsigned i = 0; i < 8; i++)
        *entry(i) = LEAF(i);
    for (unsigned i = 0; i < 512; i++)
        *log_entry(i) = 0;
    l1_set(VMCS_EPTP, EPTP12 | EPTP12_FLAGS);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_ENABLE_PML);
    l1_set(VMCS_PML_ADDR, LOG);
    l1_set(VMCS_PML_INDEX, index);
    l1_launch();
}

static uint64_t index_now(void)
{
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    const uint64_t index = l1_get(VMCS_PML_INDEX);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    return index;
}

// As `ept` forwards it.
static enum outcome access(uint64_t address, uint64_t qualification)
{
    const uint64_t arg[MSG_ARGS] = { EXIT_PML_FULL, qualification, 0x5555, address };
    return world_exit(ORIGIN_L2, EXIT_EPT_VIOLATION, arg)->verdict == VERDICT_L1 ? ENTERED_L1 : ENTERED_L2;
}

TEST(the_tag_says_that_writes_are_logged)
{
    start(511);
    CHECK_EQ(world_last(OP_VMCS_EPT)->b, EPTP12 | EPTP12_FLAGS | EPTP12_LOGS);
    CHECK_EQ(l2[VMCS_PROC_CONTROLS2] & PROC2_ENABLE_PML, 0);
    // Without the control, or flags in EPT12, there is nothing to log.
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_EPTP, EPTP12);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_last(OP_VMCS_EPT)->b, EPTP12);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_EPTP, EPTP12 | EPTP12_FLAGS);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) & ~(uint64_t)PROC2_ENABLE_PML);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_last(OP_VMCS_EPT)->b, EPTP12 | EPTP12_FLAGS);
}

TEST(a_write_is_logged_once)
{
    start(511);
    CHECK_EQ(access(0x2abc, WRITE), ENTERED_L2);
    CHECK_EQ(*entry(2), LEAF(2) | A | D);
    CHECK_EQ(*log_entry(511), 0x2000);
    CHECK_EQ(access(0x2000, WRITE | READ), ENTERED_L2);  // another CPU's L2 was first
    CHECK_EQ(access(0x3008, WRITE | READ), ENTERED_L2);
    CHECK_EQ(*log_entry(510), 0x3000);
    CHECK_EQ(*log_entry(509), 0);
    CHECK_EQ(index_now(), 509);
}

TEST(a_read_is_flagged_and_not_logged)
{
    start(511);
    CHECK_EQ(access(0x1000, READ), ENTERED_L2);
    CHECK_EQ(*entry(1), LEAF(1) | A);
    CHECK_EQ(*(uint64_t *)world_at(0x411000), TABLE | 7 | A);
    CHECK_EQ(*log_entry(511), 0);
    CHECK_EQ(index_now(), 511);
}

TEST(a_full_log_is_an_exit_before_the_access)
{
    static const uint64_t full[] = { 512, 0x8000, 0xffff };
    for (unsigned i = 0; i < 3; i++) {
        start(full[i]);
        for (unsigned write = 0; write < 2; write++) {
            CHECK_EQ(access(0x2000, (write ? WRITE : READ) | 0x180 | 1 << 12), ENTERED_L1);
            CHECK_EQ(l1_get(VMCS_EXIT_REASON), EXIT_PML_FULL);
            CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), 1 << 12);
            CHECK_EQ(l1_get(VMCS_PML_INDEX), full[i]);
            CHECK_EQ(*entry(2), LEAF(2));
            CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
        }
        CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    }
    // The last entry makes it full.
    start(0);
    CHECK_EQ(access(0x2000, WRITE), ENTERED_L2);
    CHECK_EQ(*log_entry(0), 0x2000);
    CHECK_EQ(access(0x3000, WRITE), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), 0);
    CHECK_EQ(l1_get(VMCS_PML_INDEX), 0xffff);
    l1_set(VMCS_PML_INDEX, 511);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(access(0x3000, WRITE), ENTERED_L2);
    CHECK_EQ(*log_entry(511), 0x3000);
}

// L1 may have changed EPT12 since `ept` looked: L2 meets what it is now.
TEST(what_is_no_longer_to_be_written_is_not_logged)
{
    static const uint64_t now[] = { 0, 0x35, 0x2000003 | 7 << 3, ~0ull, 0x1000033 };
    start(511);
    for (unsigned i = 0; i < sizeof(now) / sizeof(now[0]) - 1; i++) {
        *entry(2) = now[i];
        CHECK_EQ(access(0x2000, WRITE), ENTERED_L2);
        CHECK_EQ(*entry(2), now[i]);
    }
    CHECK_EQ(access(1ull << 48, WRITE), ENTERED_L2);
    CHECK_EQ(access(~0ull, WRITE), ENTERED_L2);
    CHECK_EQ(*log_entry(511), 0);
    CHECK_EQ(index_now(), 511);
    // A log that isn't memory of L1's takes no writes; it is counted all the same.
    world_unmap(LOG, PAGE_BYTES);
    CHECK_EQ(access(0x3000, WRITE), ENTERED_L2);
    CHECK_EQ(*entry(3), LEAF(3) | A | D);
    CHECK_EQ(index_now(), 510);
}

// A message that is cut short anywhere: no page is dirty without being in the log.
TEST(no_page_gets_lost)
{
    for (uint32_t cut = 1; cut < 8; cut++) {
        start(511);
        world_cut = cut;
        CHECK_EQ(access(0x2000, WRITE), ENTERED_L2);
        world_cut = 0;
        CHECK_EQ(*entry(2), LEAF(2) | A | D);
        CHECK_EQ(*log_entry(511), 0x2000);
        const uint64_t index = index_now();
        CHECK(index == 510 || (index == 509 && *log_entry(510) == 0x2000));
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    }
}

// L1 takes a flag away between our look at the entries and the next one: between them the first is written.
static uint64_t *taken_away;
bool __real_window_exchange64(uint64_t address, uint64_t expected, uint64_t desired, uint64_t *found);
bool __wrap_window_exchange64(uint64_t address, uint64_t expected, uint64_t desired, uint64_t *found);
bool __wrap_window_exchange64(uint64_t address, uint64_t expected, uint64_t desired, uint64_t *found)
{
    if (taken_away != NULL)
        *taken_away &= ~D;
    taken_away = NULL;
    return __real_window_exchange64(address, expected, desired, found);
}

TEST(what_was_dirty_and_is_not_any_more_is_logged)
{
    start(511);
    *entry(2) |= A | D;
    taken_away = entry(2);
    CHECK_EQ(access(0x2000, WRITE), ENTERED_L2);
    CHECK_EQ(*entry(2), LEAF(2) | A);
    CHECK_EQ(access(0x2000, WRITE), ENTERED_L2);
    CHECK_EQ(*entry(2), LEAF(2) | A | D);
    CHECK_EQ(*log_entry(511), 0x2000);
    CHECK_EQ(index_now(), 510);
}

// An operand in memory, of an instruction of L2's that nestvmx does itself: the page is logged, then L2 does it again.
TEST(l2s_vmread_into_memory)
{
    start(511);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set_region(VMCS_PAGE + 0x1000, REVISION | 1u << 31);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_VMCS_SHADOWING);
    l1_set(VMCS_VMREAD_BITMAP, 0x310000);
    l1_set(VMCS_VMWRITE_BITMAP, 0x311000);
    l1_set(VMCS_VMCS_LINK_POINTER, VMCS_PAGE + 0x1000);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    l2[VMCS_GUEST_CR0] = 0x31;  // no paging
    l2[VMCS_GUEST_EFER] = 0;
    l2[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xc09b;
    l2[VMCS_GUEST_DS_ACCESS_RIGHTS] = 0xc093;
    l2[VMCS_GUEST_DS_LIMIT] = 0xffffffff;
    l2[VMCS_GUEST_DS_BASE] = 0;
    for (unsigned times = 0; times < 2; times++) {
        world_gpr[GPR_R9] = 0x6802;
        l2[VMCS_GUEST_RIP] = 0x7000;
        l2[VMCS_EXIT_INSTRUCTION_LENGTH] = 3;
        l2[VMCS_EXIT_QUALIFICATION] = 0x2010;
        l2[VMCS_EXIT_INSTRUCTION_INFO] = (unsigned)GPR_R9 << 28 | 1u << 7 | 3u << 15 | 1u << 22 | 1u << 27;
        CHECK_EQ(l2_exit(EXIT_VMREAD), ENTERED_L2);
        CHECK_EQ(l2[VMCS_GUEST_RIP], times == 0 ? 0x7000 : 0x7003);
        CHECK_EQ(*entry(2), LEAF(2) | A | D);
        CHECK_EQ(*log_entry(511), 0x2000);
    }
    CHECK_EQ(index_now(), 510);
}

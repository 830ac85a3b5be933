// SPDX-License-Identifier: BSD-2-Clause
// Entries 102: VMCS12 to VMCS02.
#include <string.h>

#include <rt/walk12.h>

#include "l1.h"

static uint64_t *const vmcs01 = world_vmcs[VMCS_HANDLE_01];
static uint64_t *const shadow = world_vmcs[VMCS_HANDLE_SHADOW];

static void ready(void)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
}

static void leave(void)
{
    l2[VMCS_EXIT_INSTRUCTION_LENGTH] = 2;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
}

TEST(vmlaunch_takes_the_whole_vmcs12)
{
    ready();
    l1_launch();
    CHECK_EQ(world_count(OP_VMCS_RESET), 1);
    CHECK_EQ(world_last(OP_VMCS_EPT)->b, EPTP12);
    CHECK_EQ(l2[VMCS_GUEST_RIP], 0x12340);
    CHECK_EQ(l2[VMCS_GUEST_CR3], 0x77000);
    CHECK_EQ(l2[VMCS_GUEST_ES_LIMIT], 0xa69f1c74);
    CHECK_EQ(l2[VMCS_GUEST_PAT], 0x0606060606060606);
    CHECK_EQ(l2[VMCS_TSC_OFFSET], 0x1000);
    CHECK_EQ(l2[VMCS_GUEST_EFER], 0xd01);
}

TEST(controls_are_merged)
{
    ready();
    l1_set(VMCS_PIN_CONTROLS, 0x16);
    l1_set(VMCS_PROC_CONTROLS, 0x04006172);
    l1_set(VMCS_EXIT_CONTROLS, 0x36dfb | EXIT_HOST_64_BIT);
    l1_set(VMCS_ENTRY_CONTROLS, 0x11fb | ENTRY_GUEST_IA32E);
    l1_set(VMCS_VPID, 0);
    l1_launch();
    CHECK_EQ(l2[VMCS_PIN_CONTROLS] & (PIN_NMI_EXITING | PIN_VIRTUAL_NMIS | PIN_EXTERNAL_INTERRUPT_EXITING), PIN_NMI_EXITING | PIN_VIRTUAL_NMIS);
    CHECK(l2[VMCS_PROC_CONTROLS] & PROC_USE_MSR_BITMAPS);
    CHECK(l2[VMCS_PROC_CONTROLS] & PROC_USE_IO_BITMAPS);
    CHECK(l2[VMCS_PROC_CONTROLS2] & PROC2_ENABLE_EPT);
    CHECK(l2[VMCS_PROC_CONTROLS2] & PROC2_ENABLE_VPID);
    CHECK(!(l2[VMCS_PROC_CONTROLS2] & PROC2_UNRESTRICTED_GUEST));
    CHECK(l2[VMCS_ENTRY_CONTROLS] & ENTRY_LOAD_GUEST_EFER);
    CHECK_EQ(l2[VMCS_TSC_OFFSET], 0);
    CHECK_EQ(world_last(OP_VMCS_EPT)->b, 0);
    // What VMCS12 doesn't load is L1's.
    CHECK_EQ(l2[VMCS_GUEST_EFER], 0xd01);
    CHECK_EQ(l2[VMCS_GUEST_PAT], vmcs01[VMCS_GUEST_PAT]);
    CHECK_EQ(l2[VMCS_GUEST_DR7], 0x400);
    // No I/O bitmap and no unconditional exiting: every port is L2's. No MSR bitmap: every MSR exits.
    CHECK_EQ(world_bitmap[0][BITMAP_IO_A][3], 0);
    CHECK_EQ(world_bitmap[0][BITMAP_IO_B][511], 0);
    CHECK_EQ(world_bitmap[0][BITMAP_MSR][17], ~0ull);
}

TEST(every_control_of_l1_reaches_vmcs02)
{
    ready();
    l1_set(VMCS_VIRTUAL_APIC_ADDR, 0x500000);
    l1_set(VMCS_APIC_ACCESS_ADDR, 0x501000);
    static const struct { enum vmcs_field field; uint32_t keep; } word[] = {
        { VMCS_PIN_CONTROLS, PIN_EXTERNAL_INTERRUPT_EXITING | PIN_PREEMPTION_TIMER },
        { VMCS_PROC_CONTROLS, 0x68f99e84 & ~(uint32_t)(PROC_USE_IO_BITMAPS | PROC_UNCONDITIONAL_IO_EXITING) },
    };
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            const uint64_t before = l1_get(word[i].field);
            if (!((word[i].keep >> bit) & 1))
                continue;
            l1_set(word[i].field, before ^ 1u << bit);
            l1_launch();
            CHECK_EQ((l2[word[i].field] ^ l1_get(word[i].field)) & word[i].keep & (1u << bit) & ~PROC_USE_MSR_BITMAPS, 0);
            leave();
            l1_set(word[i].field, before);
            CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
            CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
        }
    }
}

TEST(the_second_entry_writes_only_what_changed)
{
    ready();
    l1_launch();
    leave();
    shadow[VMCS_GUEST_RIP] = 0x5555;
    const uint64_t writes = world_vmwrites;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_vmwrites - writes, 2);  // with RFLAGS
    CHECK_EQ(l2[VMCS_GUEST_RIP], 0x5555);
    CHECK_EQ(world_count(OP_VMCS_RESET), 1);
    CHECK_EQ(world_count(OP_VMCS_EPT), 1);
    CHECK_EQ(world_count(OP_VMCS_FLUSH), 1);
    leave();
    shadow[VMCS_GUEST_RSP] = 0x6660;
    const uint64_t between = world_vmwrites;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_vmwrites - between, 1);
    CHECK_EQ(l2[VMCS_GUEST_RSP], 0x6660);
}

TEST(a_steady_entry_still_sees_what_changes)
{
    ready();
    l1_launch();
    leave();
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    leave();
    // A control; one that can't be; the bitmaps; an event.
    l1_set(VMCS_PROC_CONTROLS, l1_get(VMCS_PROC_CONTROLS) | PROC_RDTSC_EXITING);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK(l2[VMCS_PROC_CONTROLS] & PROC_RDTSC_EXITING);
    leave();
    l1_set(VMCS_CR3_TARGET_COUNT, 5);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), FAILED_VALID);
    l1_set(VMCS_CR3_TARGET_COUNT, 0);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    leave();
    *(uint64_t *)world_at(MSR_BITMAP + 64) = 5;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_bitmap[0][BITMAP_MSR][8], 5);
    leave();
    shadow[VMCS_ENTRY_INTR_INFO] = 0x80000020;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0x80000020);
    CHECK_EQ(world_count(OP_VMCS_RESET), 1);
}

// L2's EFER is L1's at each entry, whatever L2 made of it.
TEST(a_steady_entry_takes_back_what_l2_changed)
{
    ready();
    l1_set(VMCS_EXIT_CONTROLS, l1_get(VMCS_EXIT_CONTROLS) | EXIT_SAVE_EFER);
    l1_set(VMCS_ENTRY_CONTROLS, l1_get(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_LOAD_GUEST_EFER);
    memset(world_at(MSR_BITMAP), 0xff, 0x1000);
    l1_launch();
    leave();
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
        CHECK_EQ(l2[VMCS_GUEST_EFER], 0xd01);
        if (i == 1)
            memset(world_at(MSR_BITMAP), 0, 0x1000);
        else if (i == 2)
            l2[VMCS_GUEST_EFER] = 0x501;
        leave();
    }
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_EFER], 0xd01);
}

TEST(a_round_trip_costs_few_vmreads_and_vmwrites)
{
    ready();
    l1_launch();
    leave();
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    const uint64_t before = world_vmreads + world_vmwrites;
    leave();
    shadow[VMCS_GUEST_RIP] += 2;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK(world_vmreads + world_vmwrites - before <= 100);
}

TEST(launch_state)
{
    ready();
    CHECK_EQ(l1_execute(EXIT_VMRESUME), FAILED_VALID);
    CHECK_EQ(l1_error(), 5);
    l1_launch();
    leave();
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_VALID);
    CHECK_EQ(l1_error(), 4);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    leave();
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), FAILED_VALID);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_CR3], 0x77000);
}

TEST(mov_ss_blocks_the_entry)
{
    ready();
    vmcs01[VMCS_GUEST_INTERRUPTIBILITY] = 2;
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_VALID);
    CHECK_EQ(vmcs01[VMCS_GUEST_INTERRUPTIBILITY], 0);
    CHECK_EQ(l1_error(), 26);
}

TEST(the_cpus_vmfail_becomes_l1s)
{
    const uint64_t args[MSG_ARGS] = { 7, 0 };
    ready();
    l1_launch();
    const struct reply *rep = world_message(MSG_ENTRY_FAILED, ORIGIN_L1, args);
    CHECK_EQ(rep->verdict, VERDICT_L1);
    CHECK_EQ(vmcs01[VMCS_GUEST_RIP], L1_RIP + L1_LENGTH);
    CHECK_EQ(vmcs01[VMCS_GUEST_RFLAGS] & 0x41, 0x40);
    CHECK_EQ(l1_error(), 7);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
}

TEST(bitmap_changes_are_sent_by_qwords)
{
    uint64_t *bitmap;
    ready();
    bitmap = world_at(MSR_BITMAP);
    l1_launch();
    leave();
    bitmap[0] = 0x1234;
    bitmap[511] = 0x5678;
    const uint32_t before = world_count(OP_BITMAP);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_count(OP_BITMAP) - before, 2);
    CHECK(memcmp(world_bitmap[0][BITMAP_MSR], bitmap, 4096) == 0);
}

TEST(io_bitmaps_of_l1)
{
    ready();
    l1_set(VMCS_PROC_CONTROLS, (l1_get(VMCS_PROC_CONTROLS) | PROC_USE_IO_BITMAPS));
    l1_set(VMCS_IO_BITMAP_A, 0x310000);
    l1_set(VMCS_IO_BITMAP_B, 0x311000);
    memset(world_at(0x310000), 0x5a, 0x1000);
    memset(world_at(0x311000), 0xa5, 0x1000);
    l1_launch();
    CHECK(memcmp(world_bitmap[0][BITMAP_IO_A], world_at(0x310000), 4096) == 0);
    CHECK(memcmp(world_bitmap[0][BITMAP_IO_B], world_at(0x311000), 4096) == 0);
    // Port 0x60: bit 0 of 0x5a is 0; port 0x61: bit 1 is 1.
    l2[VMCS_EXIT_QUALIFICATION] = 0x61ull << 16;
    CHECK_EQ(l2_exit(EXIT_IO), ENTERED_L1);
}

// I/O that wraps around port 0xffff exits with bitmaps in use, VMCS02's always (SDM 3C 26.1.3). Where L1 has none it isn't L1's: the kernel does it, but for a
// string's, which no step would get beyond.
TEST(io_that_wraps)
{
    static const struct { uint32_t controls; bool l1; } row[] = {
        { 0, false }, { PROC_UNCONDITIONAL_IO_EXITING, true }, { PROC_USE_IO_BITMAPS, true }, { PROC_UNCONDITIONAL_IO_EXITING | PROC_USE_IO_BITMAPS, true },
    };
    static const uint64_t wraps[] = { 0xffffull << 16 | 1, 0xfffdull << 16 | 3 | 8, 0xffffull << 16 | 1 | 0x10, 0xfffdull << 16 | 3 | 0x38 };
    ready();
    l1_launch();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    const uint64_t controls = l1_get(VMCS_PROC_CONTROLS) & ~(uint64_t)(PROC_UNCONDITIONAL_IO_EXITING | PROC_USE_IO_BITMAPS);
    l1_set(VMCS_IO_BITMAP_A, 0x310000);
    l1_set(VMCS_IO_BITMAP_B, 0x311000);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        l1_set(VMCS_PROC_CONTROLS, controls | row[i].controls);
        for (unsigned n = 0; n < sizeof(wraps) / sizeof(wraps[0]); n++) {
            CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
            l2[VMCS_EXIT_QUALIFICATION] = wraps[n];
            l2[VMCS_ENTRY_INTR_INFO] = 0;
            const bool string = wraps[n] & 0x10;
            CHECK_EQ(world_exit(ORIGIN_L2, EXIT_IO, NULL)->verdict, row[i].l1 ? VERDICT_L1 : string ? VERDICT_RESUME : VERDICT_FORWARD);
            CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], string && !row[i].l1 ? 0x80000b0d : 0);
            if (!row[i].l1)
                CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        }
    }
    l1_set(VMCS_PROC_CONTROLS, controls);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    l2[VMCS_EXIT_QUALIFICATION] = 0xfffe0011;  // up to the last port
    CHECK_EQ(world_exit(ORIGIN_L2, EXIT_IO, NULL)->verdict, VERDICT_FORWARD);
}

TEST(an_apic_page_that_is_not_memory_fails_the_entry)
{
    ready();
    l1_set(VMCS_PROC_CONTROLS, l1_get(VMCS_PROC_CONTROLS) | PROC_USE_TPR_SHADOW);
    l1_set(VMCS_VIRTUAL_APIC_ADDR, 0x600000);
    world_unmap(0x600000, 1);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_VALID);
    CHECK_EQ(l1_error(), 7);
    l1_set(VMCS_VIRTUAL_APIC_ADDR, 0x602000);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
    CHECK_EQ(l2[VMCS_VIRTUAL_APIC_ADDR], 0x602000);
}

// Once in VMCS02, the page of a VMCS12 that L1 has cleared could not become a PAL's.
TEST(what_vmclear_gives_up_names_no_apic_page)
{
    ready();
    l1_set(VMCS_PROC_CONTROLS, l1_get(VMCS_PROC_CONTROLS) | PROC_USE_TPR_SHADOW);
    l1_set(VMCS_VIRTUAL_APIC_ADDR, 0x602000);
    l1_launch();
    leave();
    const uint64_t *const vmcs02 = l2;
    l1_set_region(VMCS_PAGE + 0x1000, REVISION);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + 0x1000), SUCCEEDED);  // not current any more
    CHECK_EQ(vmcs02[VMCS_VIRTUAL_APIC_ADDR], 0x602000);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(vmcs02[VMCS_VIRTUAL_APIC_ADDR], 0);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_get(VMCS_VIRTUAL_APIC_ADDR), 0x602000);
    l1_launch();
    CHECK_EQ(world_count(OP_VMCS_RESET), 1);
    CHECK_EQ(l2[VMCS_VIRTUAL_APIC_ADDR], 0x602000);
    leave();
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);  // and the current one
    CHECK_EQ(vmcs02[VMCS_VIRTUAL_APIC_ADDR], 0);
    const unsigned cleared = world_count(OP_VMCS_CLEAR);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(world_count(OP_VMCS_CLEAR), cleared);
}

TEST(another_cpu_flushes_its_translations)
{
    ready();
    l1_launch();
    leave();
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(world_count(OP_VMCS_CLEAR), 1);
}

TEST(pdptes_without_ept_come_from_memory)
{
    uint64_t *pdpt;
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_PROC_CONTROLS2, 0);
    l1_set(VMCS_ENTRY_CONTROLS, 0x11fb | ENTRY_LOAD_DEBUG_CONTROLS | ENTRY_LOAD_GUEST_EFER);
    l1_set(VMCS_GUEST_EFER, 0);
    l1_set(VMCS_GUEST_CR3, 0x700020);
    pdpt = world_at(0x700020);
    pdpt[0] = 0x701001;
    pdpt[3] = 0x704001;
    l1_launch();
    CHECK_EQ(l2[VMCS_GUEST_PDPTE0], 0x701001);
    CHECK_EQ(l2[VMCS_GUEST_PDPTE3], 0x704001);
    leave();
    pdpt[1] = 0x702003;  // reserved bit
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EXIT_REASON), 0x80000021);
    CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), 2);
}

TEST(no_shadowing_on_this_cpu)
{
    world_info.shadowing = 0;
    ready();
    l1_launch();
    CHECK_EQ(l2[VMCS_GUEST_RIP], 0x12340);
    l2[VMCS_GUEST_RIP] = 0x999;
    leave();
    CHECK_EQ(l1_get(VMCS_GUEST_RIP), 0x999);
    l1_set(VMCS_GUEST_RIP, 0x99b);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_RIP], 0x99b);
    CHECK_EQ(world_count(OP_SHADOW), 0);
}

TEST(efer_that_nobody_loads)
{
    ready();
    l1_set(VMCS_EXIT_CONTROLS, l1_get(VMCS_EXIT_CONTROLS) & ~(uint64_t)EXIT_LOAD_EFER);
    l1_set(VMCS_ENTRY_CONTROLS, l1_get(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_LOAD_GUEST_EFER);
    l1_set(VMCS_GUEST_EFER, 0x500);
    l1_launch();
    CHECK_EQ(l2[VMCS_GUEST_EFER], 0xd01);
    leave();
    CHECK_EQ(vmcs01[VMCS_GUEST_EFER], 0xd01);
    vmcs01[VMCS_GUEST_EFER] = 0xd00;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_EFER], 0xd00);
    leave();
    CHECK_EQ(vmcs01[VMCS_GUEST_EFER], 0xd00);
    CHECK_EQ(l1_get(VMCS_GUEST_EFER), 0x500);
    // L2 may change it: then L1 gets what L2 left.
    memset(world_at(MSR_BITMAP), 0, 0x1000);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    l2[VMCS_GUEST_EFER] = 0x501;
    leave();
    CHECK_EQ(vmcs01[VMCS_GUEST_EFER], 0x501);
}

TEST(the_preemption_timer_goes_on_over_l0s_exits_and_starts_anew_at_l1s_entries)
{
    ready();
    l1_set(VMCS_PIN_CONTROLS, l1_get(VMCS_PIN_CONTROLS) | PIN_PREEMPTION_TIMER);
    l1_set(VMCS_PREEMPTION_TIMER, 1000);
    l1_launch();
    CHECK(l2[VMCS_EXIT_CONTROLS] & EXIT_SAVE_PREEMPTION_TIMER);
    l2[VMCS_PREEMPTION_TIMER] = 400;
    leave();
    CHECK_EQ(l1_get(VMCS_PREEMPTION_TIMER), 1000);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_PREEMPTION_TIMER], 1000);
    l2[VMCS_PREEMPTION_TIMER] = 300;
    leave();
    l1_set(VMCS_EXIT_CONTROLS, l1_get(VMCS_EXIT_CONTROLS) | EXIT_SAVE_PREEMPTION_TIMER);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    l2[VMCS_PREEMPTION_TIMER] = 200;
    leave();
    CHECK_EQ(l1_get(VMCS_PREEMPTION_TIMER), 200);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_PREEMPTION_TIMER], 200);
}

TEST(an_entry_failure_leaves_nmi_blocking_alone)
{
    ready();
    vmcs01[VMCS_GUEST_INTERRUPTIBILITY] = 8;
    l1_set(VMCS_VMCS_LINK_POINTER, 0);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L1);
    CHECK_EQ(vmcs01[VMCS_GUEST_INTERRUPTIBILITY], 8);
}

// An ordinary VMCS12 that was entered becomes a shadow VMCS, is written by an L2, and becomes an ordinary one again: VMCS02 is made of what it holds then.
#define LINKED_PAGE (VMCS_PAGE + 0x1000)
TEST(what_l2_wrote_counts_when_the_vmcs_is_entered)
{
    l1_start_with_vmcs();
    l1_set_region(LINKED_PAGE, REVISION);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, LINKED_PAGE), SUCCEEDED);
    l1_fill_vmcs();
    l1_set(VMCS_TSC_OFFSET, 0x12345678);
    const uint64_t controls = l1_get(VMCS_PROC_CONTROLS) & ~(uint64_t)PROC_USE_TSC_OFFSETTING;
    l1_set(VMCS_PROC_CONTROLS, controls);
    l1_launch();
    CHECK_EQ(l2[VMCS_TSC_OFFSET], 0);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, LINKED_PAGE), SUCCEEDED);
    *(uint32_t *)world_at(LINKED_PAGE) = REVISION | 1u << 31;
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    l1_fill_vmcs();
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_VMCS_SHADOWING);
    l1_set(VMCS_VMREAD_BITMAP, 0x310000);
    l1_set(VMCS_VMWRITE_BITMAP, 0x311000);
    l1_set(VMCS_VMCS_LINK_POINTER, LINKED_PAGE);
    l1_launch();
    world_gpr[GPR_R9] = 0x4002;
    world_gpr[GPR_RBX] = controls | PROC_USE_TSC_OFFSETTING;
    l2[VMCS_EXIT_INSTRUCTION_INFO] = (unsigned)GPR_R9 << 28 | 1u << 10 | GPR_RBX << 3;
    CHECK_EQ(l2_exit(EXIT_VMWRITE), ENTERED_L2);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, LINKED_PAGE), SUCCEEDED);
    *(uint32_t *)world_at(LINKED_PAGE) = REVISION;
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, LINKED_PAGE), SUCCEEDED);
    l1_launch();
    CHECK_EQ(l2[VMCS_TSC_OFFSET], 0x12345678);
}

// VMCS02 has the control as VMCS12 has it, and with it a tree of its own: there bit 10 of EPT12's entries is a right.
TEST(mode_based_execute_control_is_vmcs12s)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    CHECK_EQ(l2[VMCS_PROC_CONTROLS2] & PROC2_MODE_BASED_EXECUTE, 0);
    CHECK_EQ(world_last(OP_VMCS_EPT)->b, EPTP12);
    for (unsigned round = 0; round < 2; round++) {
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) ^ PROC2_MODE_BASED_EXECUTE);
        CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
        CHECK_EQ(l2[VMCS_PROC_CONTROLS2] & PROC2_MODE_BASED_EXECUTE, round == 0 ? PROC2_MODE_BASED_EXECUTE : 0);
        CHECK_EQ(world_last(OP_VMCS_EPT)->b, EPTP12 | (round == 0 ? EPTP12_MODES : 0));
    }
}

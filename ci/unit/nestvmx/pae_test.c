// SPDX-License-Identifier: BSD-2-Clause
// A 32-bit L1 with PAE paging.
#include <string.h>

#include <caps/layout.h>

#include "l1.h"

static uint64_t *const vmcs01 = world_vmcs[VMCS_HANDLE_01];

// Its page-directory pointers are registers.
TEST(an_operand_is_found_by_the_pdptes_that_l1_has_loaded)
{
    uint64_t *in_memory = world_at(0x500000), *directory = world_at(0x501000);
    uint32_t found = 0;
    l1_start_with_vmcs();
    l1_set(VMCS_HOST_RSP, 0x12345678);
    vmcs01[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xc09b;
    for (unsigned segment = 0; segment < 6; segment++) {
        if (segment != 1)
            vmcs01[VMCS_GUEST_ES_ACCESS_RIGHTS + segment] = 0xc093;
        vmcs01[VMCS_GUEST_ES_LIMIT + segment] = 0xffffffff;
    }
    vmcs01[VMCS_GUEST_EFER] = 0;
    vmcs01[VMCS_GUEST_CR3] = 0x500000;
    vmcs01[VMCS_GUEST_PDPTE1] = 0x501001;
    directory[1] = 0x600083;
    world_gpr[GPR_RBX] = 0x6c14;
    vmcs01[VMCS_EXIT_INSTRUCTION_INFO] = 1u << 7 | 3u << 15 | 1u << 22 | 1u << 27 | GPR_RBX << 28;
    vmcs01[VMCS_EXIT_QUALIFICATION] = 0x40200010;
    CHECK_EQ(l1_execute(EXIT_VMREAD), SUCCEEDED);
    memcpy(&found, world_at(0x600010), sizeof(found));
    CHECK_EQ(found, 0x12345678);
    // Memory has it, the register doesn't.
    in_memory[1] = 0x501001;
    vmcs01[VMCS_GUEST_PDPTE1] = 0;
    CHECK_EQ(l1_execute(EXIT_VMREAD), FAULT_PF);
    CHECK_EQ(vmcs01[VMCS_ENTRY_EXCEPTION_ERROR], 2);
}

// Another CPU writes to the PDPTEs as soon as they have been read once.
static uint64_t written_behind;
bool __real_window_copy_in(void *to, uint64_t from, uint64_t bytes);
bool __wrap_window_copy_in(void *to, uint64_t from, uint64_t bytes);
bool __wrap_window_copy_in(void *to, uint64_t from, uint64_t bytes)
{
    const bool done = __real_window_copy_in(to, from, bytes);
    if (written_behind != 0 && from == WINDOW_BASE + written_behind)
        memset(world_at(written_behind), 0xff, 32);
    return done;
}

#define PDPT 0x77040
#define LIST 0x78000
static void enter_l2(void)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_HOST_CR3, PDPT);
    l1_set(VMCS_HOST_CR4, 0x2020);
    l1_set(VMCS_HOST_EFER, 0);
    l1_set(VMCS_HOST_RIP, 0x401000);
    l1_set(VMCS_EXIT_CONTROLS, l1_get(VMCS_EXIT_CONTROLS) & ~(uint64_t)EXIT_HOST_64_BIT);
    l1_set(VMCS_ENTRY_CONTROLS, l1_get(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_GUEST_IA32E);
    l1_set(VMCS_GUEST_EFER, 0);
    vmcs01[VMCS_GUEST_EFER] = 0;
    for (uint64_t i = 0; i < 4; i++)
        ((uint64_t *)world_at(PDPT))[i] = (0x500000 + i * PAGE_BYTES) | 1;
    l1_launch();
}

TEST(an_exit_loads_the_pdptes_that_it_has_checked)
{
    enter_l2();
    written_behind = PDPT;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    written_behind = 0;
    CHECK_EQ(vmcs01[VMCS_GUEST_ACTIVITY_STATE], 0);
    for (uint64_t i = 0; i < 4; i++)
        CHECK_EQ(vmcs01[VMCS_GUEST_PDPTE0 + i], (0x500000 + i * PAGE_BYTES) | 1);
}

TEST(pdptes_that_no_cpu_would_load_are_a_vmx_abort)
{
    uint32_t indicator = 0;
    enter_l2();
    ((uint64_t *)world_at(PDPT))[2] |= 2;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(vmcs01[VMCS_GUEST_ACTIVITY_STATE], 2);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(vmcs01[VMCS_GUEST_PDPTE0 + i], 0);
    memcpy(&indicator, (char *)world_at(VMCS_PAGE) + 4, sizeof(indicator));
    CHECK_EQ(indicator, 2);
}

// The exit ends there: what its MSR list has isn't looked at.
TEST(no_msr_list_comes_behind_that_abort)
{
    uint32_t indicator = 0;
    enter_l2();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_EXIT_MSR_LOAD_ADDR, LIST);
    l1_set(VMCS_EXIT_MSR_LOAD_COUNT, 1);
    ((uint64_t *)world_at(LIST))[0] = 0xc0000101;  // none that a list may load
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    ((uint64_t *)world_at(PDPT))[2] |= 2;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    memcpy(&indicator, (char *)world_at(VMCS_PAGE) + 4, sizeof(indicator));
    CHECK_EQ(indicator, 2);
}

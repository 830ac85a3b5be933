// SPDX-License-Identifier: BSD-2-Clause
// MSR-load and MSR-store areas.
#include <string.h>

#include "l1.h"

#define ENTRY_LIST 0x320000ull
#define STORE_LIST 0x321000ull
#define LOAD_LIST  0x322000ull

static uint64_t *const vmcs01 = world_vmcs[VMCS_HANDLE_01];

struct entry { uint32_t msr, reserved; uint64_t value; };

static void put(uint64_t list, unsigned number, uint32_t msr, uint64_t value)
{
    const struct entry entry = { msr, 0, value };
    memcpy(world_at(list + number * sizeof(entry)), &entry, sizeof(entry));
}

static uint64_t got(uint64_t list, unsigned number)
{
    struct entry entry;
    memcpy(&entry, world_at(list + number * sizeof(entry)), sizeof(entry));
    return entry.value;
}

static enum status read_msr(uint32_t msr, uint64_t *value)
{
    *value = 0x1000 + msr;
    return msr == 0x999 ? STATUS_UNSUPPORTED : STATUS_OK;
}

static enum status refuse_999(const struct reply *rep, const struct op *op)
{
    (void)rep;
    return op->code == OP_MSR_WRITE && op->a == 0x999 ? STATUS_UNSUPPORTED : STATUS_OK;
}

static void ready(unsigned entries, unsigned stores, unsigned loads)
{
    world_read_msr = read_msr;
    world_check_op = refuse_999;
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_ENTRY_MSR_LOAD_ADDR, ENTRY_LIST);
    l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, entries);
    l1_set(VMCS_EXIT_MSR_STORE_ADDR, STORE_LIST);
    l1_set(VMCS_EXIT_MSR_STORE_COUNT, stores);
    l1_set(VMCS_EXIT_MSR_LOAD_ADDR, LOAD_LIST);
    l1_set(VMCS_EXIT_MSR_LOAD_COUNT, loads);
}

TEST(entry_load_in_order)
{
    ready(3, 0, 0);
    put(ENTRY_LIST, 0, 0x20c, 0xccccc000);
    put(ENTRY_LIST, 1, 0x277, 0x0007060400070604);
    put(ENTRY_LIST, 2, 0xc0000081, 0x11111000);
    l1_launch();
    CHECK_EQ(world_count(OP_MSR_WRITE), 2);
    CHECK_EQ(world_last(OP_MSR_WRITE)->a, 0xc0000081);
    CHECK_EQ(l2[VMCS_GUEST_PAT], 0x0007060400070604);
    CHECK_EQ(vmcs01[VMCS_GUEST_PAT], 0x0007040600070406);
    CHECK_EQ(l2[VMCS_GUEST_RIP], 0x12340);
}

TEST(an_entry_that_cannot_be_loaded_is_exit_34)
{
    ready(3, 0, 1);
    put(LOAD_LIST, 0, 0x20b, 5);
    put(ENTRY_LIST, 0, 0x20c, 1);
    static const uint32_t bad[] = { 0x999, 0xc0000100, 0xc0000101, 0x808 };
    for (unsigned i = 0; i < 4; i++) {
        put(ENTRY_LIST, 1, bad[i], 0);
        CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L1);
        CHECK_EQ(l1_get(VMCS_EXIT_REASON), 0x80000022);
        CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), 2);
        CHECK_EQ(vmcs01[VMCS_GUEST_RIP], 0xffffffff81000000);
        CHECK_EQ(world_last(OP_MSR_WRITE)->a, 0x20b);  // the exit's list is loaded all the same
    }
    static const struct { uint32_t msr; uint64_t value; } bad_value[] = {
        { 0xc0000080, 2 }, { 0xc0000080, 0 }, { 0xc0000080, 0xc01 }, { 0x175, 1ull << 47 }, { 0x176, 1ull << 63 }, { 0x277, 2 }, { 0x1d9, 4 },
        { 0x1d9, 1 << 13 }, { 0x1d9, 1 << 14 }, { 0x1d9, 1 << 15 }, { 0x1d9, 1 << 16 },
    };
    for (unsigned i = 0; i < sizeof(bad_value) / sizeof(bad_value[0]); i++) {
        put(ENTRY_LIST, 1, bad_value[i].msr, bad_value[i].value);
        CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L1);
        CHECK_EQ(l1_get(VMCS_EXIT_REASON), 0x80000022);
        CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), 2);
    }
}

// An entry that fails, by its list or by the CPU after that, saves no guest state: VMCS12 has what L2 left, and so has the entry after that.
TEST(what_the_list_of_a_failed_entry_loads_is_gone)
{
    static const struct { uint32_t msr; enum vmcs_field field; uint64_t left, listed; } row[] = {
        { 0x174, VMCS_GUEST_SYSENTER_CS, 0x10, 0x20 }, { 0x175, VMCS_GUEST_SYSENTER_ESP, 0x1110, 0x2220 }, { 0x176, VMCS_GUEST_SYSENTER_EIP, 0x3330, 0x4440 },
        { 0x1d9, VMCS_GUEST_DEBUGCTL, 2, 1 }, { 0x277, VMCS_GUEST_PAT, 0x0606060606060606, 0x0007060400070604 }, { 0xc0000080, VMCS_GUEST_EFER, 0xd01, 0x501 },
    };
    const unsigned rows = sizeof(row) / sizeof(row[0]);
    ready(0, 0, 0);
    l1_set(VMCS_EXIT_CONTROLS, l1_get(VMCS_EXIT_CONTROLS) | EXIT_SAVE_PAT | EXIT_SAVE_EFER);
    for (unsigned i = 0; i < rows; i++)
        put(ENTRY_LIST, i, row[i].msr, row[i].listed);
    put(ENTRY_LIST, rows, 0x999, 0);
    l1_launch();
    for (unsigned refused = 0; refused < 2; refused++) {
        for (unsigned i = 0; i < rows; i++)
            l2[row[i].field] = row[i].left;
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, refused ? rows : rows + 1);
        if (refused) {
            CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
            CHECK_EQ(l2_exit((enum exit_reason)(EXIT_ENTRY_GUEST_STATE | EXIT_REASON_FAILED)), ENTERED_L1);
        } else {
            CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L1);
        }
        CHECK_EQ(l1_get(VMCS_EXIT_REASON), refused ? 0x80000021 : 0x80000022);
        for (unsigned i = 0; i < rows; i++) {
            CHECK_EQ(l2[row[i].field], row[i].listed);
            CHECK_EQ(l1_get(row[i].field), row[i].left);
        }
        l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
        CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
        for (unsigned i = 0; i < rows; i++)
            CHECK_EQ(l2[row[i].field], row[i].left);
    }
}

// The guest state is checked before a list is loaded, also what L2 left in VMCS02, and whatever the list has.
TEST(a_bad_state_comes_before_the_list)
{
    static const struct { enum vmcs_field field; uint64_t value; unsigned qualification; bool pae; } row[] = {
        { VMCS_GUEST_RFLAGS, 0, 0, false }, { VMCS_GUEST_ACTIVITY_STATE, 4, 0, false }, { VMCS_GUEST_RIP, 1ull << 48, 0, false }, { VMCS_GUEST_PDPTE3, 3, 2, true },
    };
    ready(2, 0, 0);
    put(ENTRY_LIST, 0, 0xc0000082, 1);
    put(ENTRY_LIST, 1, 0x176, 0x2220);
    put(ENTRY_LIST, 2, 0x999, 0);
    const uint64_t entry = l1_get(VMCS_ENTRY_CONTROLS), efer = l1_get(VMCS_GUEST_EFER);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        const uint64_t good = l1_get(row[i].field);
        l1_set(VMCS_ENTRY_CONTROLS, row[i].pae ? entry & ~(uint64_t)ENTRY_GUEST_IA32E : entry);
        l1_set(VMCS_GUEST_EFER, row[i].pae ? 0 : efer);
        l1_set(row[i].field, row[i].value);
        for (unsigned listed = 2; listed <= 3; listed++) {
            l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, listed);
            CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L1);
            CHECK_EQ(l1_get(VMCS_EXIT_REASON), 0x80000021);
            CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), row[i].qualification);
            CHECK_EQ(vmcs01[VMCS_GUEST_RIP], 0xffffffff81000000);
        }
        l1_set(row[i].field, good);
    }
    l1_set(VMCS_ENTRY_CONTROLS, entry);
    l1_set(VMCS_GUEST_EFER, efer);
    CHECK_EQ(world_count(OP_MSR_WRITE), 0);
    l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, 2);
    l1_launch();
    CHECK_EQ(world_count(OP_MSR_WRITE), 1);
    CHECK_EQ(l2[VMCS_GUEST_SYSENTER_EIP], 0x2220);
    l2[VMCS_GUEST_TR_ACCESS_RIGHTS] = 0x83;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EXIT_REASON), 0x80000021);
    CHECK_EQ(world_count(OP_MSR_WRITE), 1);
    l1_set(VMCS_GUEST_TR_ACCESS_RIGHTS, 0x8b);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
}

// The entry's message comes again: what its first attempt had loaded isn't what L2 left.
TEST(an_unfinished_entry_loads_its_list_again)
{
    ready(0, 0, 0);
    put(ENTRY_LIST, 0, 0x176, 0x2220);
    put(ENTRY_LIST, 1, 0x999, 0);
    l1_launch();
    l2[VMCS_GUEST_SYSENTER_EIP] = 0x1110;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, 2);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L1);
    CHECK_EQ(l2[VMCS_GUEST_SYSENTER_EIP], 0x2220);
    world_init(1, 1);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EXIT_REASON), 0x80000022);
    CHECK_EQ(l1_get(VMCS_GUEST_SYSENTER_EIP), 0x1110);
}

// Of IA32_EFER a list loads what WRMSR would: never LMA, LME only without paging.
TEST(efer_by_the_entry_list)
{
    static const struct { uint64_t cr0, before, value, after; } row[] = {
        { 0x80050033, 0xd00, 0x901, 0xd01 }, { 0x80050033, 0xd01, 0x500, 0x500 },
        { 0x50033, 0, 0x901, 0x901 }, { 0x50033, 0x900, 0, 0 }, { 0x50033, 0, 0xc01, 0x801 },
    };
    ready(1, 0, 0);
    const uint64_t controls = l1_get(VMCS_ENTRY_CONTROLS);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        l1_set(VMCS_ENTRY_CONTROLS, row[i].cr0 & 1u << 31 ? controls : controls & ~(uint64_t)ENTRY_GUEST_IA32E);
        l1_set(VMCS_GUEST_CR0, row[i].cr0);
        l1_set(VMCS_GUEST_EFER, row[i].before);
        put(ENTRY_LIST, 0, 0xc0000080, row[i].value);
        CHECK_EQ(l1_execute(i == 0 ? EXIT_VMLAUNCH : EXIT_VMRESUME), ENTERED_L2);
        CHECK_EQ(l2[VMCS_GUEST_EFER], row[i].after);
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        CHECK_EQ(vmcs01[VMCS_GUEST_EFER], 0xd01);
    }
}

TEST(exit_store_and_load)
{
    ready(0, 3, 2);
    put(STORE_LIST, 0, 0x20a, 0);
    put(STORE_LIST, 1, 0xc0000080, 0);
    put(STORE_LIST, 2, 0xc0000100, 0);
    put(LOAD_LIST, 0, 0xc0000080, 0x501);
    put(LOAD_LIST, 1, 0xc0000081, 0x2222);
    l1_launch();
    l2[VMCS_GUEST_FS_BASE] = 0x7f00;
    CHECK_EQ(l2_exit(EXIT_VMCALL), ENTERED_L1);
    CHECK_EQ(got(STORE_LIST, 0), 0x120a);
    CHECK_EQ(got(STORE_LIST, 1), 0xd01);
    CHECK_EQ(got(STORE_LIST, 2), 0x7f00);
    CHECK_EQ(vmcs01[VMCS_GUEST_EFER], 0x501);
    CHECK_EQ(world_last(OP_MSR_WRITE)->b, 0x2222);
    CHECK_EQ(vmcs01[VMCS_GUEST_RIP], 0xffffffff81000000);
}

// Runs L2 to an exit whose list can't be done: the VMX-abort indicator (SDM 3C 25.2 "Format of the VMCS Region").
static uint32_t abort_of_exit(void)
{
    uint32_t indicator;
    l1_launch();
    CHECK_EQ(l2_exit(EXIT_VMCALL), ENTERED_L1);
    memcpy(&indicator, world_at(VMCS_PAGE + 4), sizeof(indicator));
    return indicator;
}

TEST(a_store_or_load_that_fails_is_a_vmx_abort)
{
    ready(0, 1, 0);
    put(STORE_LIST, 0, 0x999, 0);
    CHECK_EQ(abort_of_exit(), 1);
    CHECK_EQ(vmcs01[VMCS_GUEST_ACTIVITY_STATE], 2);
}

TEST(a_load_that_fails_is_abort_4)
{
    ready(0, 0, 1);
    put(LOAD_LIST, 0, 0xc0000101, 0);
    CHECK_EQ(abort_of_exit(), 4);
}

// VMCS01 could not be entered with it.
TEST(a_bit_of_debugctl_that_the_cpu_lacks_is_abort_4)
{
    ready(0, 0, 1);
    world_info.debugctl_some = 1 << 2 | 1 << 14;
    put(LOAD_LIST, 0, 0x1d9, 1 << 15 | 1);
    CHECK_EQ(abort_of_exit(), 4);
    CHECK_EQ(vmcs01[VMCS_GUEST_DEBUGCTL], 0);
}

TEST(bits_of_debugctl_that_the_cpu_has_are_loaded)
{
    ready(1, 0, 1);
    world_info.debugctl_some = 1 << 2 | 1 << 14;
    put(ENTRY_LIST, 0, 0x1d9, 1 << 14 | 2);
    put(LOAD_LIST, 0, 0x1d9, 1 << 14 | 1 << 2 | 1);
    l1_launch();
    CHECK_EQ(l2[VMCS_GUEST_DEBUGCTL], 1 << 14 | 2);
    CHECK_EQ(l2_exit(EXIT_VMCALL), ENTERED_L1);
    CHECK_EQ(vmcs01[VMCS_GUEST_DEBUGCTL], 1 << 14 | 1 << 2 | 1);
}

TEST(an_lme_that_the_exit_list_changes_is_abort_4)
{
    ready(0, 0, 1);
    put(LOAD_LIST, 0, 0xc0000080, 0x401);
    CHECK_EQ(abort_of_exit(), 4);
    CHECK_EQ(vmcs01[VMCS_GUEST_EFER], 0xd01);
}

TEST(a_list_that_is_too_long_fails)
{
    ready(513, 0, 0);
    for (unsigned i = 0; i < 513; i++)
        put(ENTRY_LIST + 0x10000, i, 0x20c, 0);
    l1_set(VMCS_ENTRY_MSR_LOAD_ADDR, ENTRY_LIST + 0x10000);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), 513);
}

// An exit that is done twice, because the first one wasn't completed, stores what L2 had, not what the first one loaded for L1.
static uint64_t cpu_msr;
static enum status read_cpu_msr(uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = cpu_msr;
    return STATUS_OK;
}

TEST(an_unfinished_exit_stores_once)
{
    ready(0, 1, 1);
    world_read_msr = read_cpu_msr;
    put(STORE_LIST, 0, 0x20a, 0);
    put(LOAD_LIST, 0, 0x20a, 0xb);
    l1_launch();
    cpu_msr = 0xa;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    cpu_msr = 0xb;
    world_init(1, 1);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(*(uint64_t *)world_at(STORE_LIST + 8), 0xa);
    CHECK_EQ(world_last(OP_MSR_WRITE)->b, 0xb);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    cpu_msr = 0xc;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(*(uint64_t *)world_at(STORE_LIST + 8), 0xc);
}

// PAT by the list, and no exit control that loads L1's: it stays (SDM 3C 28.5.1 "Loading Host Control Registers, Debug Registers, MSRs").
TEST(what_the_entry_list_loads_stays)
{
    ready(1, 0, 0);
    l1_set(VMCS_EXIT_CONTROLS, l1_get(VMCS_EXIT_CONTROLS) & ~(uint64_t)EXIT_LOAD_PAT);
    l1_set(VMCS_ENTRY_CONTROLS, l1_get(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_LOAD_GUEST_PAT);
    put(ENTRY_LIST, 0, 0x277, 0x0007060400070604);
    l1_launch();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(vmcs01[VMCS_GUEST_PAT], 0x0007060400070604);
}

// So it is where the list ends the entry: by then PAT and EFER are loaded, by the list or by a control (SDM 3C 27.8 "VM-Entry Failures During or After Loading Guest
// State"). Where the CPU refuses the state no list was processed, and L1 has its own.
TEST(what_a_failed_entry_has_loaded_stays)
{
    static const struct { bool by_control, refused; } row[] = { { false, false }, { true, false }, { false, true } };
    const uint64_t pat = 0x0007060400070604, own_pat = 0x0007040600070406, efer = 0xd00, own_efer = 0xd01;
    ready(0, 0, 0);
    l1_set(VMCS_EXIT_CONTROLS, l1_get(VMCS_EXIT_CONTROLS) & ~(uint64_t)(EXIT_LOAD_PAT | EXIT_LOAD_EFER));
    const uint64_t load = ENTRY_LOAD_GUEST_PAT | ENTRY_LOAD_GUEST_EFER, controls = l1_get(VMCS_ENTRY_CONTROLS) & ~load;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        l1_set(VMCS_ENTRY_MSR_LOAD_COUNT, row[i].refused ? 2 : 3);
        l1_set(VMCS_ENTRY_CONTROLS, controls | (row[i].by_control ? load : 0));
        l1_set(VMCS_GUEST_PAT, row[i].by_control ? pat : own_pat);
        l1_set(VMCS_GUEST_EFER, row[i].by_control ? efer : own_efer);
        put(ENTRY_LIST, 0, row[i].by_control ? 0x20c : 0x277, row[i].by_control ? 0 : pat);
        put(ENTRY_LIST, 1, row[i].by_control ? 0x20c : 0xc0000080, row[i].by_control ? 0 : efer);
        put(ENTRY_LIST, 2, 0x999, 0);
        vmcs01[VMCS_GUEST_PAT] = own_pat;
        vmcs01[VMCS_GUEST_EFER] = own_efer;
        if (row[i].refused) {
            l1_launch();
            CHECK_EQ(l2_exit((enum exit_reason)(EXIT_ENTRY_GUEST_STATE | EXIT_REASON_FAILED)), ENTERED_L1);
        } else {
            CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L1);
        }
        CHECK_EQ(l1_get(VMCS_EXIT_REASON), row[i].refused ? 0x80000021 : 0x80000022);
        CHECK_EQ(vmcs01[VMCS_GUEST_PAT], row[i].refused ? own_pat : pat);
        CHECK_EQ(vmcs01[VMCS_GUEST_EFER], row[i].refused ? own_efer : efer);
    }
}

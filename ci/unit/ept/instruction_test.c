// SPDX-License-Identifier: BSD-2-Clause
// INVEPT straight from its exit: the plain one is answered, every other is nestvmx'.
#include <caps/ept_call.h>

#include "../../../ept/record.h"
#include "../../../ept/tree.h"
#include "trees.h"

#define WB (6u << 3)
#define CR3 (40 * PAGE_BYTES)
#define USED 0x23u  // present, writable, accessed
#define LINEAR 0xffff888000123000ull
#define DESCRIPTOR (45 * PAGE_BYTES + 0xff0)
#define RSP_OPERAND (2u << 7 | 2u << 15 | 1u << 22 | 4u << 23 | 6u << 28)  // invept (%rsp), %rsi

static const uint64_t address = 0x40200000, leaf_table = 4 * PAGE_BYTES;
static uint64_t eptp;
static uint64_t *const field = world_vmcs[VMCS_HANDLE_01];

// L1's page tables: CR3's page and three more, for LINEAR's page; and an L2 that has touched some pages.
static void start(void)
{
    trees_start();
    eptp = trees_path(1, address, 0, 0);
    for (unsigned i = 0; i < 8; i++)
        trees_entry(leaf_table, i, (0x100000 + i * PAGE_BYTES) | WB | 7);
    trees_violation(eptp, address, 1);
    trees_violation(eptp, address + PAGE_BYTES, 1);
    CHECK_EQ(trees_count(), 8);
    for (unsigned level = 3; level > 0; level--)
        trees_entry(CR3 + (3 - level) * PAGE_BYTES, LINEAR >> (12 + 9 * level) & 511, (CR3 + (4 - level) * PAGE_BYTES) | USED);
    trees_entry(CR3 + 3 * PAGE_BYTES, LINEAR >> 12 & 511, (DESCRIPTOR & PAGE_MASK) | USED);
    trees_entry(DESCRIPTOR & PAGE_MASK, 0xff0 / 8, eptp);
    trees_entry(DESCRIPTOR & PAGE_MASK, 0xff8 / 8, 0);
    field[VMCS_GUEST_CR3] = CR3;
    field[VMCS_GUEST_CR4] = 1u << 5;
    field[VMCS_GUEST_EFER] = 1u << 10;
    field[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xc093;
    field[VMCS_GUEST_RSP] = LINEAR + 0xfe8;
    field[VMCS_EXIT_QUALIFICATION] = 8;
    field[VMCS_EXIT_INSTRUCTION_INFO] = RSP_OPERAND;
    world_gpr[GPR_RSI] = INVEPT_SINGLE;
}

static void check_answered(void)
{
    const struct reply *rep = trees_invept_exit();
    CHECK_EQ(rep->verdict, VERDICT_RESUME);
    CHECK_EQ(rep->set, SET_ADVANCE | SET_FLAGS);
    CHECK_EQ(rep->rflags, 0);
}

static void check_left_alone(void)
{
    const uint32_t ops = world_ops;
    const struct reply *rep = trees_invept_exit();
    CHECK_EQ(rep->verdict, VERDICT_FORWARD);
    CHECK_EQ(rep->arg[0], 0);
    CHECK_EQ(rep->set, 0);
    CHECK_EQ(world_ops, ops);
    CHECK_EQ(trees_count(), 8);
}

TEST(invept_of_what_has_not_changed)
{
    start();
    const uint32_t ops = world_ops;
    check_answered();
    CHECK_EQ(world_ops, ops);
    CHECK_EQ(trees_count(), 8);
}

TEST(invept_of_what_has_changed)
{
    start();
    trees_entry(leaf_table, 3, 0);
    check_answered();
    CHECK_EQ(trees_count(), 7);
    CHECK(trees_leaf(eptp, address + 3 * PAGE_BYTES) == NULL);
    trees_check();
}

// The same behind one that was the same: in one table, and in another one with none changed before it; then by the table that EPT12 has no more.
TEST(invept_of_what_has_changed_since_the_last)
{
    start();
    trees_entry(3 * PAGE_BYTES, 2, leaf_table | 7);
    trees_violation(eptp, 0x40400000, 1);
    check_answered();
    const uint32_t count = trees_count();
    for (unsigned i = 1; i < 4; i++) {
        check_answered();
        trees_entry(leaf_table, i, 0);
        check_answered();
        CHECK_EQ(trees_count(), count - i);
        CHECK(trees_leaf(eptp, address + i * PAGE_BYTES) == NULL);
    }
    check_answered();
    trees_entry(3 * PAGE_BYTES, 1, 0);
    check_answered();
    CHECK(trees_leaf(eptp, address) == NULL);
    CHECK(trees_leaf(eptp, 0x40400000) != NULL);
    trees_entry(3 * PAGE_BYTES, 2, 0);
    check_answered();
    CHECK_EQ(trees_count(), 0);
}

// Of a tree whose L2 has its writes logged, or mode-based execute control, L1 knows the EPTP, not the tag.
static void check_tag(uint64_t bit)
{
    start();
    trees_invept(INVEPT_ALL, 0);
    trees_violation((eptp | bit) + PAGE_BYTES, address, 1);  // no such EPT12: nothing is mapped
    trees_violation(eptp | bit, address, 1);
    trees_entry(DESCRIPTOR & PAGE_MASK, 0xff0 / 8, eptp | bit);
    CHECK_EQ(trees_invept_exit()->verdict, VERDICT_FORWARD);
    trees_entry(DESCRIPTOR & PAGE_MASK, 0xff0 / 8, eptp);
    // A page that only the tree with the log has: behind an INVEPT that was the same.
    const uint64_t other = address + 40 * PAGE_BYTES;
    trees_entry(leaf_table, 40, 0x140000 | WB | 7);
    trees_violation(eptp | EPTP12_LOGS, other, 1);
    check_answered();
    CHECK(trees_leaf(eptp | EPTP12_LOGS, other) != NULL);
    trees_entry(leaf_table, 40, 0);
    check_answered();
    CHECK(trees_leaf(eptp | EPTP12_LOGS, other) == NULL);
    trees_entry(leaf_table, 0, 0);
    check_answered();
    CHECK(trees_leaf(eptp | bit, address) == NULL);
    CHECK(trees_leaf(eptp, address) == NULL);
}
TEST(invept_where_writes_are_logged) { check_tag(EPTP12_LOGS); }
TEST(invept_with_mode_based_execute_control) { check_tag(EPTP12_MODES); }

// The root of the EPTP12 that was known last is another tag's now.
TEST(invept_behind_one_whose_tree_is_anothers_now)
{
    static const uint64_t of_tag[] = { EPTP12_LOGS, EPTP12_OF_TAG & ~EPTP12_LOGS };
    start();
    for (unsigned i = 0; i < 2; i++) {
        trees_entry(DESCRIPTOR & PAGE_MASK, 0xff0 / 8, eptp);
        tree_assign(0, eptp);
        check_answered();
        tree_assign(0, eptp | of_tag[i]);
        trees_entry(DESCRIPTOR & PAGE_MASK, 0xff0 / 8, eptp | of_tag[i]);
        CHECK_EQ(trees_invept_exit()->verdict, VERDICT_FORWARD);
    }
}

// All records are in use and tell of what is mapped, then a page is mapped of which there is none.
TEST(invept_of_a_tree_of_which_not_all_is_recorded)
{
    start();
    for (unsigned i = 2; i <= RECORDS + 1; i++) {
        if (i == RECORDS + 1)
            check_answered();
        trees_entry(3 * PAGE_BYTES, i, leaf_table | 7);
        trees_violation(eptp, 0x40000000 + i * (2ull << 20), 1);
    }
    CHECK(trees_leaf(eptp, address) && trees_count() >= RECORDS);
    check_answered();
    CHECK(!trees_leaf(eptp, address) && trees_leaf(eptp, 0x40000000 + (RECORDS + 1) * (2ull << 20)));
}

TEST(invept_that_is_not_plain_is_nestvmxs)
{
    start();
    static const struct { enum vmcs_field field; uint64_t value; } odd[] = {
        { VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc0f3 },                  // CPL 3
        { VMCS_GUEST_EFER, 0 },                                   // not IA-32e mode
        { VMCS_GUEST_CR4, 1u << 12 | 1u << 5 },                   // five levels
        { VMCS_GUEST_CR3, 50 * PAGE_BYTES },                      // nothing mapped
        { VMCS_GUEST_CR3, 1ull << 51 },                           // beyond the window
        { VMCS_EXIT_QUALIFICATION, 9 },                           // the descriptor crosses a page
        { VMCS_GUEST_RSP, LINEAR + (1ull << 47) },                // not canonical
        { VMCS_EXIT_INSTRUCTION_INFO, RSP_OPERAND ^ 1u << 17 ^ 1u << 16 },  // FS
        { VMCS_EXIT_INSTRUCTION_INFO, RSP_OPERAND ^ 3u << 7 },    // 32-bit addresses
        { VMCS_EXIT_INSTRUCTION_INFO, RSP_OPERAND ^ 2u << 7 },    // 16-bit addresses
        { VMCS_EXIT_INSTRUCTION_INFO, RSP_OPERAND ^ 2u << 28 },   // the type is in RSP
    };
    for (unsigned i = 0; i < 2 * sizeof(odd) / sizeof(odd[0]); i++) {
        const unsigned n = i / 2;
        const uint64_t before = field[odd[n].field];
        field[odd[n].field] = odd[n].value;
        check_left_alone();
        field[odd[n].field] = before;
        if (i % 2 != 0 || n > 0)  // once where no operand was known yet, else behind one that was
            check_answered();
    }
}

// Each form of the operand by turns with the one before, and with registers that lead elsewhere.
TEST(invept_by_every_form_of_operand)
{
    start();
    const uint32_t common = 2u << 7 | 2u << 15 | 6u << 28, no_base = 1u << 27, no_index = 1u << 22;
    const uint64_t at = LINEAR + 0xff0;
    const struct { uint32_t info; uint64_t displacement, rbx, rdi, rsp; } form[] = {
        { common | no_index | 3u << 23, 0x10, at - 0x10, 1, 1 },              // (%rbx)
        { common | no_index | 4u << 23, 0x10, 1, 1, at - 0x10 },              // (%rsp)
        { common | 3u << 23 | 7u << 18 | 3u, 0, at - 0x80, 0x10, 1 },         // (%rbx,%rdi,8)
        { common | no_base | 7u << 18, 0x20, 1, at - 0x20, 1 },               // (,%rdi)
        { common | no_base | no_index, at, 1, 1, 1 },                         // an address
        { common | no_index | 7u << 23, (uint64_t)-0x40ll, 1, at + 0x40, 1 }, // (%rdi)
    };
    const unsigned count = sizeof(form) / sizeof(form[0]);
    for (unsigned i = 0; i < count * count; i++) {
        const unsigned pair[2] = { i / count, i % count };
        for (unsigned k = 0; k < 2; k++) {
            field[VMCS_EXIT_INSTRUCTION_INFO] = form[pair[k]].info;
            field[VMCS_EXIT_QUALIFICATION] = form[pair[k]].displacement;
            field[VMCS_GUEST_RSP] = form[pair[k]].rsp;
            world_gpr[GPR_RBX] = form[pair[k]].rbx;
            world_gpr[GPR_RDI] = form[pair[k]].rdi;
            check_answered();
            field[VMCS_EXIT_QUALIFICATION] += PAGE_BYTES;
            check_left_alone();
            field[VMCS_EXIT_QUALIFICATION] = form[pair[k]].displacement;
            world_gpr[GPR_RBX]++, world_gpr[GPR_RDI]++, field[VMCS_GUEST_RSP]++, field[VMCS_EXIT_QUALIFICATION] += form[pair[k]].displacement == at;
            check_left_alone();  // crosses a page
        }
    }
}

// Where no page is known none is taken for known: linear page 0 by tables at 0.
TEST(invept_by_cr3_zero_is_nestvmxs)
{
    start();
    field[VMCS_GUEST_CR3] = field[VMCS_GUEST_RSP] = field[VMCS_EXIT_QUALIFICATION] = 0;
    check_left_alone();
}

TEST(invept_types_and_eptps_that_nobody_has_are_nestvmxs)
{
    start();
    check_answered();
    static const uint64_t types[] = { 0, INVEPT_ALL, 3, 1ull << 32 | INVEPT_SINGLE, ~0ull };
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        world_gpr[GPR_RSI] = types[i];
        check_left_alone();
    }
    world_gpr[GPR_RSI] = INVEPT_SINGLE;
    const uint64_t eptps[] = { 0, eptp ^ 1u << 6, eptp ^ 7, eptp ^ PAGE_BYTES, ~0ull };
    for (unsigned i = 0; i < sizeof(eptps) / sizeof(eptps[0]); i++) {
        trees_entry(DESCRIPTOR & PAGE_MASK, 0xff0 / 8, eptps[i]);
        check_left_alone();
    }
}

TEST(invept_by_page_tables_that_the_cpu_would_not_walk_quietly_is_nestvmxs)
{
    start();
    for (unsigned table = 0; table < 4; table++) {
        const uint64_t place = CR3 + table * PAGE_BYTES;
        const unsigned index = LINEAR >> (39 - 9 * table) & 511;
        const uint64_t entry = trees_entry_now(place, index);
        const uint64_t odd[] = { 0, entry & ~1ull, entry & ~0x20ull, entry | 1ull << 63, entry | 1ull << 51 };  // absent, not accessed, reserved bits
        for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
            trees_entry(place, index, odd[i]);
            check_left_alone();
        }
        trees_entry(place, index, entry);
    }
    world_mapped[DESCRIPTOR / PAGE_BYTES] = false;
    check_left_alone();
}

// The operand's page is known from the INVEPT before: whatever L1 has done to its tables since counts.
TEST(invept_again_by_page_tables_that_have_changed)
{
    start();
    check_answered();
    for (unsigned table = 0; table < 4; table++) {
        const uint64_t place = CR3 + table * PAGE_BYTES;
        const unsigned index = LINEAR >> (39 - 9 * table) & 511;
        const uint64_t entry = trees_entry_now(place, index);
        trees_entry(place, index, entry & ~1ull);
        check_left_alone();
        trees_entry(place, index, entry);
        check_answered();
        world_mapped[place / PAGE_BYTES] = false;  // taken from L1
        check_left_alone();
        world_mapped[place / PAGE_BYTES] = true;
    }
    check_answered();
    // What ends on the next page, though what is looked at doesn't.
    trees_entry(DESCRIPTOR & PAGE_MASK, 0xff8 / 8, eptp);
    field[VMCS_GUEST_RSP] += 8;
    check_left_alone();
    field[VMCS_GUEST_RSP] -= 8;
    // Another page, with another EPTP12; and the first one again.
    const uint64_t leaf = LINEAR >> 12 & 511, entry = trees_entry_now(CR3 + 3 * PAGE_BYTES, leaf), other = 46 * PAGE_BYTES;
    trees_entry(other, 0xff0 / 8, eptp ^ 7);
    trees_entry(CR3 + 3 * PAGE_BYTES, leaf, other | USED);
    check_left_alone();
    trees_entry(CR3 + 3 * PAGE_BYTES, leaf, entry);
    check_answered();
    // Another address space.
    field[VMCS_GUEST_CR3] = 50 * PAGE_BYTES;
    check_left_alone();
    trees_entry(50 * PAGE_BYTES, LINEAR >> 39 & 511, (CR3 + PAGE_BYTES) | USED);
    check_answered();
    field[VMCS_GUEST_RSP] -= PAGE_BYTES;  // the next page is nobody's
    check_left_alone();
    trees_entry(CR3 + 3 * PAGE_BYTES, leaf, entry | 1ull << 63);
    field[VMCS_GUEST_RSP] += PAGE_BYTES;
    check_left_alone();
    field[VMCS_GUEST_EFER] |= 1u << 11;  // NXE: bit 63 is no reserved one
    check_answered();
    field[VMCS_GUEST_EFER] &= ~(1ull << 11);
    check_left_alone();
}

TEST(invept_that_l1_is_not_offered_is_nestvmxs)
{
    start();
    for (unsigned bit = 20; bit <= 25; bit += 5) {
        world_info.vmx_msr[0x48c - VMX_MSR_FIRST] ^= 1ull << bit;
        (void)world_init(0, 0);
        check_left_alone();
        world_info.vmx_msr[0x48c - VMX_MSR_FIRST] ^= 1ull << bit;
        (void)world_init(0, 0);
    }
    check_answered();
}

TEST(invept_whose_message_failed_twice_is_nestvmxs)
{
    start();
    const struct reply *rep = world_message(MSG_KILL, ORIGIN_L1, NULL);
    CHECK_EQ(rep->verdict, VERDICT_FORWARD);
    CHECK_EQ(rep->arg[0], 0);
}

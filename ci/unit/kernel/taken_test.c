// SPDX-License-Identifier: BSD-2-Clause
// Pages that a partition takes from L1, and trees of them.
#include "partition.h"
#include "pin.h"
#include "pool.h"
#include "replies.h"

// As a partition with RIGHT_PAL: the first one, whose state region is three pages of hidden memory.
#define STATE_AT (FAKE_HIDDEN_FIRST + 0x9000)
static void start_pal(void)
{
    start();
    partition.header.rights = ~0u;
    partition.header.state_bytes = 0x3000;
    partition.space.state.v = STATE_AT;
    partition.root_first = ROOT_PAL;
    partition.header.root_count = 1;
    *partition_at(0) = partition;
}

static const struct fake_page *page(uint64_t address)
{
    for (unsigned i = 0; i < FAKE_PAGES; i++)
        if (fake_page[i].address == address)
            return &fake_page[i];
    return NULL;
}

TEST(pages_are_taken_and_given_back)
{
    start_pal();
    add(OP_PAGE_TAKE, 0, 0, 0x5000, 0);
    add(OP_PAGE_TAKE, 0, 0, 0x6000, 0);
    CHECK_EQ(decode(), STATUS_OK);
    CHECK(page(0x5000)->owner == 1 && page(0x5000)->mapped && page(0x5000)->shown && !page(0x5000)->owned);  // claimed, no more
    (void)batch_invoke(batch, &fake_cpu);
    CHECK(page(0x5000)->owner == 1 && !page(0x5000)->mapped && !page(0x5000)->shown && page(0x5000)->owned);
    CHECK(page(0x6000)->owner == 1 && !page(0x6000)->mapped && !page(0x6000)->shown && page(0x6000)->owned);
    CHECK(fake_shootdowns == 1 && fake_forgets == 1);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_BUSY);
    CHECK_EQ(page(0x5000)->owner, 1);
    CHECK_EQ(try(OP_PAGE_GIVE, 0, 0, 0x7000, 0), STATUS_BAD_ADDRESS);
    CHECK_EQ(try(OP_PAGE_GIVE, 0, 0, 0x5008, 0), STATUS_BAD_ADDRESS);
    partition.index++;
    CHECK_EQ(try(OP_PAGE_GIVE, 0, 0, 0x5000, 0), STATUS_BAD_ADDRESS);  // another's
    partition.index--;
    CHECK_EQ(try(OP_PAGE_GIVE, 0, 0, 0x5000, 0), STATUS_OK);
    CHECK(page(0x5000)->owner == 0 && page(0x5000)->mapped && page(0x5000)->shown && !page(0x5000)->owned);
    CHECK_EQ(page(0x6000)->owner, 1);
    CHECK(fake_shootdowns == 2 && fake_forgets == 2);
}

TEST(a_batch_takes_all_its_pages_or_none)
{
    static const uint64_t bad[] = { 0x5000, FAKE_HIDDEN_FIRST, FAKE_RAM_BYTES, 0x7001, ~0ull, 1ull << 52, WINDOW_BYTES };
    start_pal();
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        add(OP_PAGE_TAKE, 0, 0, 0x5000, 0);
        add(OP_PAGE_TAKE, 0, 0, bad[i], 0);
        CHECK(decode() != STATUS_OK);
        CHECK(page(0x5000)->owner == 0 && page(0x5000)->mapped && page(0x5000)->shown && !page(0x5000)->owned);
    }
    CHECK(fake_shootdowns == sizeof(bad) / sizeof(bad[0]) && fake_forgets == 0);  // L2s may have seen the first one as a partition's
}

TEST(without_the_right_nothing_is_taken)
{
    start();
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_DENIED);
    CHECK_EQ(try(OP_PAGE_GIVE, 0, 0, 0x5000, 0), STATUS_DENIED);
}

// The leaf at that address of the tree with that tag.
static uint64_t leaf_of(uint64_t tag, uint64_t from)
{
    uint32_t root;
    const uint64_t *table = hidden_va((hpa_t){ ept02_pointer(ept02_bind(tag, EPT02_TOP_EPT01, &root)) & EPT_ADDRESS });
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        const uint64_t entry = table[from >> shift & 511];
        if (!(entry & EPT_PRESENT) || (entry & EPT_LARGE))
            return entry;
        table = hidden_va((hpa_t){ entry & EPT_ADDRESS });
    }
    return table[from >> 12 & 511];
}
static uint64_t leaf_at(uint64_t from) { return leaf_of(0x77000, from); }

TEST(trees_of_pals_map_taken_pages_and_their_state_region_alone)
{
    const uint32_t all = ept_map_pack(EPT_LEVEL_4K, EPT_RIGHTS, 6, 0);
    start_pal();
    CHECK_EQ(try(OP_EPT_CREATE, 0, 0, 0x77000, 0), STATUS_OK);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_OK);
    CHECK_EQ(try(OP_EPT_MAP, 0, all, 0x1000, 0x5000), STATUS_OK);
    CHECK_EQ(leaf_at(0x1000), 0x5000 | EPT_RIGHTS | 6 << EPT_TYPE_SHIFT);
    CHECK_EQ(try(OP_EPT_MAP, 0, ept_map_pack(EPT_LEVEL_2M, EPT_RIGHTS, 6, 0), 0x200000, 0x200000), STATUS_OK);
    static const uint64_t others[] = { 0x6000, FAKE_HIDDEN_FIRST, STATE_AT - 0x1000, STATE_AT + 0x3000, FAKE_RAM_BYTES };
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CHECK_EQ(try(OP_EPT_MAP, 0, all, 0x2000, others[i]), STATUS_OK);
        CHECK_EQ(leaf_at(0x2000) | leaf_at(0x200000), 0);  // not mapped, no decoy either
    }
    CHECK_EQ(try(OP_EPT_MAP, 0, all, 0x3000, STATE_AT + 0x2000), STATUS_OK);
    CHECK_EQ(leaf_at(0x3000), (STATE_AT + 0x2000) | EPT_READ | EPT_EXECUTE | 6 << EPT_TYPE_SHIFT);  // never to be written
    CHECK_EQ(try(OP_EPT_MAP, 0, ept_map_pack(EPT_LEVEL_4K, EPT_READ, 6, 0), 0x4000, STATE_AT + 0x1000), STATUS_OK);
    CHECK_EQ(leaf_at(0x4000), (STATE_AT + 0x1000) | EPT_READ | 6 << EPT_TYPE_SHIFT);
}

TEST(a_tree_of_pals_has_no_decoy)
{
    start_pal();
    const uint32_t used = ept02_pages_used();
    CHECK_EQ(try(OP_EPT_CREATE, 0, 0, 0x1000, 0), STATUS_OK);
    CHECK_EQ(ept02_pages_used(), used + 1);
    for (uint64_t tag = 0x2000; tag < 0x6000; tag += 0x1000)
        CHECK_EQ(try(OP_EPT_CREATE, 0, 0, tag, 0), STATUS_OK);
    CHECK_EQ(ept02_pages_used(), used + 1);  // its top table
}

// A tree of somebody else's, as of an L2.
#define L2_TAG 0x5500000000001eull
static uint32_t l2_tree(void)
{
    struct ept02_work work = EPT02_WORK;
    CHECK(ept02_reserve(&work, EPT02_CREATE_PAGES));
    ept02_create(ROOT_L2, L2_TAG, &work);
    ept02_finish(&work);
    return ROOT_L2;
}

static void l2_map_as(uint32_t root, unsigned level, unsigned rights, uint64_t from, uint64_t to)
{
    struct ept02_work work = EPT02_WORK;
    CHECK(ept02_reserve(&work, EPT02_MAP_PAGES));
    struct ept02_cursor *cursor = ept02_map_begin(root);
    ept02_map(cursor, ept_map_pack(level, rights, 6, 0), (gpa2_t){ from }, (gpa1_t){ to }, &work);
    ept02_map_end(cursor);
    ept02_finish(&work);
}

static void l2_map(uint32_t root, unsigned level, uint64_t from, uint64_t to) { l2_map_as(root, level, EPT_RIGHTS, from, to); }

TEST(a_page_that_is_taken_leaves_the_trees_of_l2s)
{
    start_pal();
    const uint32_t root = l2_tree();
    l2_map(root, EPT_LEVEL_4K, 0x1000, 0x5000);
    l2_map(root, EPT_LEVEL_4K, 0x8000000000, 0x5000);     // twice, far away
    l2_map(root, EPT_LEVEL_4K, 0x2000, 0x6000);
    l2_map(root, EPT_LEVEL_2M, 0x40200000, 0x0);          // a large leaf that has it in its midst
    l2_map(root, EPT_LEVEL_2M, 0x40400000, 0x200000);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_OK);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000) | leaf_of(L2_TAG, 0x8000000000) | leaf_of(L2_TAG, 0x40200000), 0);
    CHECK(leaf_of(L2_TAG, 0x2000) != 0 && leaf_of(L2_TAG, 0x40400000) != 0);
}

static unsigned others_shootdowns;

// On another CPU L1's INVEPT, for a page that EPT12 has elsewhere now; then its L2's miss.
static void other_cpu(void)
{
    fake_shootdown = NULL;  // that CPU's own shoot-downs
    const unsigned before = fake_shootdowns;
    struct ept02_work work = EPT02_WORK;
    ept02_unmap(ROOT_L2, EPT_LEVEL_4K, (gpa2_t){ 0x1000 }, &work);
    ept02_finish(&work);
    CHECK_EQ(fake_shootdowns, before + 1);
    l2_map(ROOT_L2, EPT_LEVEL_4K, 0x1000, 0x7000);
    others_shootdowns = fake_shootdowns - before;
}

TEST(who_changes_trees_while_a_page_is_taken_tells_the_cpus)
{
    start_pal();
    const uint32_t root = l2_tree();
    l2_map(root, EPT_LEVEL_4K, 0x1000, 0x5000);
    fake_shootdown = other_cpu;
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_OK);
    CHECK_EQ(others_shootdowns, 2);
    CHECK_EQ(fake_shootdowns, 3);
    struct ept02_work work = EPT02_WORK;
    ept02_unmap(root, EPT_LEVEL_4K, (gpa2_t){ 0x9000 }, &work);
    ept02_finish(&work);
    CHECK_EQ(fake_shootdowns, 3);  // that one is over
}

TEST(pages_that_are_taken_together_all_leave_the_trees_of_l2s)
{
    static const uint64_t pages[] = { 0x5000, 0x6000, 0x45000, 0x7000 };  // the third one's number ends as the first one's
    start_pal();
    const uint32_t root = l2_tree();
    for (unsigned i = 0; i < 4; i++)
        l2_map(root, EPT_LEVEL_4K, 0x1000 * (i + 1), pages[i]);
    for (unsigned i = 0; i < 3; i++)
        add(OP_PAGE_TAKE, 0, 0, pages[i], 0);
    CHECK_EQ(decode(), STATUS_OK);
    (void)batch_invoke(batch, &fake_cpu);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000) | leaf_of(L2_TAG, 0x2000) | leaf_of(L2_TAG, 0x3000), 0);
    CHECK(leaf_of(L2_TAG, 0x4000) != 0);
}

TEST(an_l2_that_looks_again_sees_a_decoy_and_whose_it_is)
{
    start_pal();
    const uint32_t root = l2_tree();
    l2_map(root, EPT_LEVEL_4K, 0x3000, 0x7000);           // by the same leaf of EPT01
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_OK);
    l2_map(root, EPT_LEVEL_4K, 0x1000, 0x5000);
    const uint64_t leaf = leaf_of(L2_TAG, 0x1000);
    CHECK((leaf & EPT_ADDRESS) != 0x5000);
    CHECK_EQ(leaf & EPT_RIGHTS, EPT_READ);
    CHECK_EQ(ept02_taken(root, (gpa2_t){ 0x1000 }, TAKEN_LOOK) & EPT_OWNER, 1ull << EPT_OWNER_SHIFT);
    CHECK_EQ(ept02_taken(root, (gpa2_t){ 0x3000 }, TAKEN_LOOK), 0);
    CHECK_EQ(ept02_taken(root, (gpa2_t){ ~0ull }, TAKEN_LOOK), 0);
    CHECK_EQ(ept02_taken(ROOT_NONE, (gpa2_t){ 0x1000 }, TAKEN_LOOK), 0);
    CHECK_EQ(try(OP_PAGE_GIVE, 0, 0, 0x5000, 0), STATUS_OK);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000), 0);                 // no decoy in the way of a page that is back
    l2_map(root, EPT_LEVEL_4K, 0x1000, 0x5000);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000) & (EPT_ADDRESS | EPT_RIGHTS), 0x5000 | EPT_RIGHTS);
}

// An L2 that looks at a page while a batch has claimed it, which comes to nothing then.
TEST(a_page_that_is_not_taken_after_all_is_the_l2s_again)
{
    start_pal();
    const uint32_t root = l2_tree();
    add(OP_PAGE_TAKE, 0, 0, 0x5000, 0);
    add(OP_PAGE_TAKE, 0, 0, 0x7001, 0);
    CHECK(batch_decode(batch, &fake_cpu, &partition, &reply) != STATUS_OK);
    l2_map(root, EPT_LEVEL_4K, 0x1000, 0x5000);
    CHECK_EQ((leaf_of(L2_TAG, 0x1000) & EPT_OWNER) >> EPT_OWNER_SHIFT, 1);
    const unsigned before = fake_shootdowns;
    batch_abandon(batch);
    reply.op_count = 0;
    CHECK(leaf_of(L2_TAG, 0x1000) == 0 && fake_shootdowns == before + 1);
    l2_map(root, EPT_LEVEL_4K, 0x1000, 0x5000);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000) & (EPT_ADDRESS | EPT_RIGHTS), 0x5000 | EPT_RIGHTS);
    CHECK_EQ(try(OP_VMCS_FLUSH, 9, 0, 0, 0), STATUS_DENIED);  // nothing is left to be done for what was abandoned
    CHECK_EQ(fake_shootdowns, before + 1);
}

static void give_back(void) { CHECK_EQ(ept01_own((gpa1_t){ 0x5000 }, 1, 0, true), STATUS_OK); }

// Who gives it has found nothing in EPT01's way, and goes through the trees when what is mapped is there.
TEST(a_page_that_is_given_back_while_an_l2_looks_leaves_no_decoy)
{
    start_pal();
    const uint32_t root = l2_tree();
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_OK);
    fake_meanwhile = give_back;
    l2_map(root, EPT_LEVEL_4K, 0x1000, 0x5000);
    fake_meanwhile = NULL;
    CHECK(leaf_of(L2_TAG, 0x1000) != 0);
    const gpa1_t none = { 0 };
    ept02_expel(&none, 0);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000), 0);
}

// The decoy that is mapped there.
static uint8_t *decoy_at(uint64_t from) { return hidden_va((hpa_t){ leaf_of(L2_TAG, from) & EPT_ADDRESS }); }

TEST(what_an_l2_writes_to_a_taken_page_vanishes_where_ept12_lets_it_write)
{
    start_pal();
    const uint32_t root = l2_tree();
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_OK);
    l2_map(root, EPT_LEVEL_4K, 0x1000, 0x5000);
    l2_map_as(root, EPT_LEVEL_4K, EPT_READ | EPT_EXECUTE, 0x2000, 0x5000);
    l2_map(root, EPT_LEVEL_4K, 0x3000, 0x7000);
    CHECK(ept02_taken(root, (gpa2_t){ 0x1000 }, TAKEN_LOOK) & EPT_VANISHING);
    CHECK(!(ept02_taken(root, (gpa2_t){ 0x2000 }, TAKEN_LOOK) & EPT_VANISHING));
    for (uint64_t at = 0x1000; at <= 0x3000; at += 0x1000)
        (void)ept02_taken(root, (gpa2_t){ at }, TAKEN_OPEN);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000) & EPT_RIGHTS, EPT_READ | EPT_WRITE);
    CHECK_EQ(leaf_of(L2_TAG, 0x2000) & EPT_RIGHTS, EPT_READ);
    decoy_at(0x1000)[8] = 0;
    for (uint64_t at = 0x1000; at <= 0x3000; at += 0x1000)
        (void)ept02_taken(root, (gpa2_t){ at }, TAKEN_CLOSE);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000) & EPT_RIGHTS, EPT_READ);
    CHECK_EQ(leaf_of(L2_TAG, 0x2000) & EPT_RIGHTS, EPT_READ);
    CHECK_EQ(leaf_of(L2_TAG, 0x3000) & (EPT_ADDRESS | EPT_RIGHTS), 0x7000 | EPT_RIGHTS);  // nobody's
    for (unsigned i = 0; i < PAGE_BYTES; i++)
        CHECK(decoy_at(0x1000)[i] == 0xff);
    (void)ept02_taken(root, (gpa2_t){ 0x1000 }, TAKEN_OPEN);
    CHECK_EQ(try(OP_PAGE_GIVE, 0, 0, 0x5000, 0), STATUS_OK);  // while it is open
    CHECK_EQ(leaf_of(L2_TAG, 0x1000), 0);
    l2_map(root, EPT_LEVEL_4K, 0x1000, 0x5000);
    (void)ept02_taken(root, (gpa2_t){ 0x1000 }, TAKEN_CLOSE);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000) & (EPT_ADDRESS | EPT_RIGHTS), 0x5000 | EPT_RIGHTS);
}

// One that L2's users may execute, and nothing else, is no exception.
TEST(a_page_that_users_alone_execute_leaves_the_trees_of_l2s)
{
    start_pal();
    const uint32_t root = l2_tree();
    l2_map_as(root, EPT_LEVEL_4K, EPT_EXECUTE_USER, 0x1000, 0x5000);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000), 0x5000 | 6 << EPT_TYPE_SHIFT | EPT_EXECUTE_USER);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_OK);
    CHECK_EQ(leaf_of(L2_TAG, 0x1000), 0);
}

// What EPT12 lets L2 do nothing with but execute it can't read, taken or not; whose it is is known all the same, until it is no more.
TEST(a_decoy_has_no_right_that_was_not_asked_for)
{
    static const unsigned execute[] = { EPT_EXECUTE, EPT_EXECUTE_USER, EPT_EXECUTE | EPT_EXECUTE_USER };
    start_pal();
    const uint32_t root = l2_tree();
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_OK);
        l2_map_as(root, EPT_LEVEL_4K, execute[i], 0x1000, 0x5000);
        l2_map_as(root, EPT_LEVEL_4K, execute[i], 0x2000, FAKE_HIDDEN_FIRST);
        CHECK_EQ((leaf_of(L2_TAG, 0x1000) | leaf_of(L2_TAG, 0x2000)) & EPT_PRESENT, 0);
        CHECK_EQ((ept02_taken(root, (gpa2_t){ 0x1000 }, TAKEN_LOOK) & EPT_OWNER) >> EPT_OWNER_SHIFT, 1);
        CHECK_EQ(try(OP_PAGE_GIVE, 0, 0, 0x5000, 0), STATUS_OK);
        CHECK_EQ(ept02_taken(root, (gpa2_t){ 0x1000 }, TAKEN_LOOK), 0);
    }
}

static enum status name_page(uint32_t vmcs02, enum vmcs_field field, uint64_t page)
{
    return try(OP_WRITE_FIELD, VMCS_HANDLE_02 + vmcs02, (uint32_t)field, page, 0);
}

TEST(a_page_that_a_vmcs02_names_is_not_taken)
{
    start_pal();
    CHECK_EQ(name_page(1, VMCS_VIRTUAL_APIC_ADDR, 0x5000), STATUS_OK);
    CHECK_EQ(name_page(1, VMCS_APIC_ACCESS_ADDR, 0x6000), STATUS_OK);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_BUSY);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x6000, 0), STATUS_BUSY);
    CHECK_EQ(page(0x5000)->owner | page(0x6000)->owner, 0);
    CHECK_EQ(name_page(1, VMCS_VIRTUAL_APIC_ADDR, FAKE_RAM_BYTES), STATUS_BAD_ADDRESS);  // what the field names is as it was
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_BUSY);
    CHECK_EQ(name_page(1, VMCS_VIRTUAL_APIC_ADDR, 0x7000), STATUS_OK);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_OK);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x7000, 0), STATUS_BUSY);
    CHECK_EQ(name_page(1, VMCS_APIC_ACCESS_ADDR, 0x5000), STATUS_BAD_ADDRESS);           // and the other way round
    pin_drop(1);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x7000, 0), STATUS_OK);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0, 0), STATUS_BAD_ADDRESS);                         // page 0 stands for none
}

TEST(a_vmcs02_that_names_page_0_lets_go_of_the_page_before)
{
    start_pal();
    CHECK_EQ(name_page(1, VMCS_VIRTUAL_APIC_ADDR, 0x5000), STATUS_OK);
    CHECK_EQ(name_page(1, VMCS_APIC_ACCESS_ADDR, 0x6000), STATUS_OK);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_BUSY);
    add(OP_WRITE_FIELD, VMCS_HANDLE_02 + 1, VMCS_VIRTUAL_APIC_ADDR, 0, 0);
    add(OP_WRITE_FIELD, VMCS_HANDLE_02 + 1, VMCS_FIELD_COUNT, 0, 0);
    CHECK(decode() != STATUS_OK);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_BUSY);                           // that batch was dropped
    CHECK_EQ(name_page(1, VMCS_VIRTUAL_APIC_ADDR, 0), STATUS_OK);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_OK);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x6000, 0), STATUS_BUSY);                           // the other field's name stays
    CHECK(!pin_has((gpa1_t){ 0 }));
    CHECK_EQ(name_page(1, VMCS_APIC_ACCESS_ADDR, 0), STATUS_OK);
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x6000, 0), STATUS_OK);
}

TEST(names_of_pages_are_in_one_vmcs02_of_a_batch)
{
    start_pal();
    add(OP_WRITE_FIELD, VMCS_HANDLE_02, VMCS_VIRTUAL_APIC_ADDR, 0x5000, 0);
    add(OP_WRITE_FIELD, VMCS_HANDLE_02 + 1, VMCS_VIRTUAL_APIC_ADDR, 0x6000, 0);
    CHECK_EQ(decode(), STATUS_BAD_ARG);
}

TEST(the_l2_that_exited_is_named_by_right_and_by_its_groups)
{
    start_pal();
    fake_cpu.vmcs02 = &fake_vmcs02[3];
    partition.header.vmcs[VMCS_KIND_01].write = GROUP_RIP;
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_L2, VMCS_GUEST_RIP, 0, 0), STATUS_BAD_STATE);  // given up: another CPU may have it
    fake_vmcs02[2].active_cpu = fake_vmcs02[3].active_cpu = fake_cpu.index;
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_L2, VMCS_GUEST_RIP, 0x1234, 0), STATUS_OK);
    CHECK_EQ(fake_field[2 + 3][VMCS_GUEST_RIP], 0x1234);
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_L2, VMCS_GUEST_CR3, 0, 0), STATUS_DENIED);
    CHECK_EQ(try(OP_VMCS_CLEAR, VMCS_HANDLE_L2, 0, 0, 0), STATUS_DENIED);
    CHECK_EQ(try(OP_VMCS_EPT, VMCS_HANDLE_L2, 0, 0, 0), STATUS_DENIED);
    fake_cpu.level = ORIGIN_PAL;
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_L2, VMCS_GUEST_RIP, 0, 0), STATUS_BAD_STATE);  // one that runs for L1
    fake_cpu.below = &fake_vmcs02[2];
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_L2, VMCS_GUEST_RIP, 0x5678, 0), STATUS_OK);
    CHECK_EQ(fake_field[2 + 2][VMCS_GUEST_RIP], 0x5678);
    fake_cpu.below = NULL;
    fake_cpu.level = ORIGIN_L1;
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_L2, VMCS_GUEST_RIP, 0, 0), STATUS_BAD_STATE);
    fake_cpu.level = ORIGIN_L2;
    partition.header.rights = ~(uint32_t)RIGHT_PAL;
    CHECK_EQ(try(OP_WRITE_FIELD, VMCS_HANDLE_L2, VMCS_GUEST_RIP, 0, 0), STATUS_DENIED);
}

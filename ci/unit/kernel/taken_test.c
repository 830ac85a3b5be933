// SPDX-License-Identifier: BSD-2-Clause
// Pages that a partition takes from L1, and trees of them.
#include "partition.h"
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
    partition.root_first = ept02_allot(1, 1);
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
    CHECK_EQ(fake_shootdowns, 1);
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
    CHECK_EQ(fake_shootdowns, 2);
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
    CHECK_EQ(fake_shootdowns, 0);
}

TEST(without_the_right_nothing_is_taken)
{
    start();
    CHECK_EQ(try(OP_PAGE_TAKE, 0, 0, 0x5000, 0), STATUS_DENIED);
    CHECK_EQ(try(OP_PAGE_GIVE, 0, 0, 0x5000, 0), STATUS_DENIED);
}

// The leaf at that address of the tree that EPT_CREATE made last.
static uint64_t leaf_at(uint64_t from)
{
    uint32_t root;
    const uint64_t *table = hidden_va((hpa_t){ ept02_pointer(ept02_bind(0x77000, EPT02_TOP_EPT01, &root)) & EPT_ADDRESS });
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        if (!(table[from >> shift & 511] & EPT_RIGHTS))
            return 0;
        table = hidden_va((hpa_t){ table[from >> shift & 511] & EPT_ADDRESS });
    }
    return table[from >> 12 & 511];
}

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
    CHECK_EQ(leaf_at(0x3000), (STATE_AT + 0x2000) | EPT_READ | 6 << EPT_TYPE_SHIFT);
}

// SPDX-License-Identifier: BSD-2-Clause
// The first page tables, walked in software as the CPU would.
#include "../../../kernel/loader/pagetable.h"

#include <stdlib.h>
#include <string.h>

#include <caps/addr.h>

#include "../../../kernel/boot_info.h"
#include "check.h"

static struct pagetable start(unsigned pages)
{
    // Physical addresses are offsets into this block, from the second page on; dirty, so that a table that isn't cleared shows.
    struct pagetable tables = {.memory = aligned_alloc(PAGE_BYTES, (pages + 1) * PAGE_BYTES), .next_page = PAGE_BYTES,
                               .end = (pages + 1) * PAGE_BYTES, .no_execute = true};
    memset(tables.memory, 0xff, (pages + 1) * PAGE_BYTES);
    CHECK(pagetable_start(&tables));
    CHECK_EQ(tables.root, PAGE_BYTES);
    return tables;
}

static void leads(const struct pagetable *tables, uint64_t address, uint64_t expected, unsigned expected_rights)
{
    uint64_t physical;
    unsigned rights;
    CHECK(pagetable_walk(tables, address, &physical, &rights));
    CHECK_EQ(physical, expected);
    CHECK_EQ(rights, expected_rights);
}

static bool mapped(const struct pagetable *tables, uint64_t address)
{
    uint64_t physical;
    unsigned rights;
    return pagetable_walk(tables, address, &physical, &rights);
}

TEST(pages_lead_where_they_should_with_their_rights)
{
    struct pagetable tables = start(20);
    CHECK(pagetable_map(&tables, KERNEL_BASE, 0x1d009000, 0x3000, PAGE_EXECUTE));
    CHECK(pagetable_map(&tables, KERNEL_BASE + 0x3000, 0x1d00c000, 0x1000, 0));
    CHECK(pagetable_map(&tables, KERNEL_BASE + 0x5000, 0x1d00e000, 0x1000, PAGE_WRITE));
    CHECK(pagetable_map(&tables, HIDDEN_BASE + 0x3fe00000, 0x3fe00000, 0x400000, PAGE_WRITE));
    CHECK(pagetable_map(&tables, 0x1e1a9000, 0x1e1a9000, 0x1000, PAGE_EXECUTE));
    leads(&tables, KERNEL_BASE + 0x2fff, 0x1d00bfff, PAGE_EXECUTE);
    leads(&tables, KERNEL_BASE + 0x3001, 0x1d00c001, 0);
    leads(&tables, KERNEL_BASE + 0x5000, 0x1d00e000, PAGE_WRITE);
    leads(&tables, HIDDEN_BASE + 0x3fe00000, 0x3fe00000, PAGE_WRITE);
    leads(&tables, HIDDEN_BASE + 0x40123456, 0x40123456, PAGE_WRITE);  // over the border of 1 GiB
    leads(&tables, 0x1e1a9a00, 0x1e1a9a00, PAGE_EXECUTE);
    CHECK(!mapped(&tables, KERNEL_BASE + 0x4000));
    CHECK(!mapped(&tables, HIDDEN_BASE + 0x3fdfffff));
    CHECK(!mapped(&tables, HIDDEN_BASE + 0x40200000));
    CHECK(!mapped(&tables, 0x1e1a8fff));
    CHECK(!mapped(&tables, 0x1e1aa000));
    CHECK(!mapped(&tables, 0));
    CHECK(!mapped(&tables, 0x0000800000000000));
    // 4 of the kernel's, 3 and 4 more: hidden memory has 2 MiB pages.
    CHECK_EQ((tables.next_page - tables.root) / PAGE_BYTES, 1 + 3 + 3 + 3);
    free(tables.memory);
}

TEST(large_pages_only_where_both_addresses_and_the_length_fit)
{
    struct pagetable tables = start(20);
    CHECK(pagetable_map(&tables, 0x200000, 0x601000, LARGE_BYTES, 0));
    leads(&tables, 0x3fffff, 0x800fff, 0);
    CHECK(pagetable_map(&tables, 0x5ff000, 0x7ff000, LARGE_BYTES + 2 * PAGE_BYTES, 0));
    leads(&tables, 0x5ff000, 0x7ff000, 0);
    leads(&tables, 0x600000, 0x800000, 0);
    leads(&tables, 0x800000, 0xa00000, 0);
    CHECK(!mapped(&tables, 0x801000));
    free(tables.memory);
}

TEST(without_nxe_bit_63_stays_clear)
{
    struct pagetable tables = start(8);
    tables.no_execute = false;
    CHECK(pagetable_map(&tables, 0x1000, 0x1000, 0x1000, PAGE_WRITE));
    leads(&tables, 0x1000, 0x1000, PAGE_WRITE | PAGE_EXECUTE);
    free(tables.memory);
}

TEST(the_kernels_own_tables_have_global_pages)
{
    struct pagetable tables = start(20);
    tables.kernel = true;
    CHECK(pagetable_map(&tables, HIDDEN_BASE + 0x400000, 0x400000, 2 * LARGE_BYTES + 0x3000, PAGE_WRITE));
    CHECK(pagetable_map(&tables, 0xffffffffbffff000, 0xfee00000, PAGE_BYTES, PAGE_WRITE | PAGE_UNCACHED));
    CHECK_EQ((tables.next_page - tables.root) / PAGE_BYTES, 1 + 2 + 1 + 3);  // one table of 4 KiB pages, then the APIC's three
    for (uint64_t offset = 0; offset < 2 * LARGE_BYTES + 0x3000; offset += PAGE_BYTES)
        leads(&tables, HIDDEN_BASE + 0x400000 + offset, 0x400000 + offset, PAGE_WRITE);
    CHECK(!mapped(&tables, HIDDEN_BASE + 0x803000));
    const uint64_t *hidden = (const uint64_t *)(const void *)(tables.memory + tables.root + 2 * PAGE_BYTES);
    CHECK_EQ(hidden[2], 0x80000000004001e3);
    const uint64_t *apic = (const uint64_t *)(const void *)(tables.memory + tables.next_page - PAGE_BYTES);
    CHECK_EQ(apic[511], 0x80000000fee0017b);
    CHECK(!pagetable_map(&tables, HIDDEN_BASE + 0x802000, 0x1000, 0x2000, 0));  // the first of both is mapped
    free(tables.memory);
}

TEST(bad_mappings_are_refused)
{
    struct pagetable tables = start(20);
    CHECK(!pagetable_map(&tables, 0x1000, 0x1000, 0, 0));
    CHECK(!pagetable_map(&tables, 0x1001, 0x1000, 0x1000, 0));
    CHECK(!pagetable_map(&tables, 0x1000, 0x1010, 0x1000, 0));
    CHECK(!pagetable_map(&tables, 0x1000, 0x1000, 0x1800, 0));
    CHECK(!pagetable_map(&tables, 0x1000, 1ull << 52, 0x1000, 0));
    CHECK(!pagetable_map(&tables, 0x0000800000000000, 0x1000, 0x1000, 0));
    CHECK(!pagetable_map(&tables, 0x00007ffffffff000, 0x1000, 0x2000, 0));
    CHECK(!pagetable_map(&tables, 0xfffffffffffff000, 0x1000, 0x2000, 0));
    CHECK(!pagetable_map(&tables, 0x00007ffffffff000, 0x1000, 0xffff800000002000, 0));
    CHECK(!pagetable_map(&tables, 0x1000, 0x000ffffffffff000, 0x2000, 0));
    CHECK(pagetable_map(&tables, 0x400000, 0x400000, LARGE_BYTES, 0));
    CHECK(!pagetable_map(&tables, 0x401000, 0x1000, 0x1000, 0));     // below a large page
    CHECK(pagetable_map(&tables, 0x1000, 0x1000, 0x1000, 0));
    CHECK(!pagetable_map(&tables, 0x1000, 0x1000, 0x1000, 0));       // twice
    CHECK(!pagetable_map(&tables, 0, 0, LARGE_BYTES, 0));            // a large page over a table
    free(tables.memory);
}

TEST(tables_never_go_beyond_their_memory)
{
    for (unsigned pages = 1; pages < 4; pages++) {
        struct pagetable tables = start(pages);
        CHECK(!pagetable_map(&tables, 0x1000, 0x1000, 0x1000, 0));
        CHECK(tables.next_page <= tables.end);
        free(tables.memory);
    }
    struct pagetable none = {.next_page = PAGE_BYTES, .end = PAGE_BYTES};
    CHECK(!pagetable_start(&none));
}

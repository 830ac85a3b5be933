// SPDX-License-Identifier: BSD-2-Clause
// Proof: pagetable_map() of the loader maps every page of the bytes that it is told, each of them once, to the page that belongs there, by large pages only where they
// are allowed and wholly in it; nothing else (I5). The entries: proof pagetable_pages.
// CBMC: unwind=8 replace=map_pages:contract_pages
#include "proof.h"

#include "../../kernel/loader/pagetable.c"

static struct pagetable tables;
static uint64_t address, physical, bytes, page;
static unsigned rights, mapped;

uint64_t contract_pages(struct pagetable *in, uint64_t va, uint64_t to, unsigned leaf, unsigned leaf_rights, uint64_t count)
{
    PROVE(in == &tables && leaf_rights == rights && count > 0, "these tables, with these rights");
    PROVE(leaf == 1 || (leaf == 2 && !tables.small), "a page, or a large one where that is allowed");
    uint64_t size = leaf == 1 ? PAGE_BYTES : LARGE_BYTES;
    PROVE(va % size == 0 && to % size == 0, "aligned");
    PROVE(va >= address && to - physical == va - address && va - address <= bytes && count <= (bytes - (va - address)) / size, "of the bytes, to where they belong");
    // As many as there is room for in one table; here either one or all of them, so that few calls do.
    uint64_t done = any_bool() && count <= 3 ? 1 : count;
    if (any_bool())
        return 0;
    if (page - va < done * size)
        mapped++;
    return done;
}

int main(void)
{
    struct pagetable some;
    tables = some;
    address = any_u64(), physical = any_u64(), rights = any_below(8);
    page = any_u64() & PAGE_MASK;
    bytes = (uint64_t)any_below(4) * PAGE_BYTES + (uint64_t)any_below(3) * LARGE_BYTES;
    // Bound: up to two pages up to a 2 MiB boundary.
    ASSUME(-address % LARGE_BYTES <= 2 * PAGE_BYTES);
    if (any_bool())
        bytes = any_u64(), ASSUME(bytes % PAGE_BYTES != 0);
    bool good = pagetable_map(&tables, address, physical, bytes, rights);
    PROVE(mapped <= 1, "no page is mapped twice");
    PROVE(mapped == 0 || page - address < bytes, "nothing but the bytes");
    if (good)
        PROVE(bytes > 0 && bytes % PAGE_BYTES == 0 && (page - address >= bytes || mapped == 1), "all of them");
    return 0;
}

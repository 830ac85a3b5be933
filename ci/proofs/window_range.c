// SPDX-License-Identifier: BSD-2-Clause
// Proof: map_range() of the loader maps of any range of memory every whole page of RAM below the window's end that isn't hidden, each of them once at its address, and
// nothing else (I3, I5, I6). How: proofs pagetable_map, pagetable_pages.
// CBMC: unwind=2 replace=map:contract_map
#include "proof.h"

#include "../../kernel/loader/space.c"

static struct boot_range range;
static struct memory memory;
static uint64_t page;
static unsigned mapped;

bool contract_map(struct place place, uint64_t va, uint64_t first, uint64_t bytes, unsigned rights)
{
    PROVE(place.memory == &memory && va == WINDOW_BASE + first && rights == PAGE_WRITE, "at its place in the window");
    PROVE(first % PAGE_BYTES == 0 && bytes % PAGE_BYTES == 0 && bytes > 0, "whole pages");
    PROVE(first < WINDOW_BYTES && bytes <= WINDOW_BYTES - first, "in the window");
    if (page - first < bytes)
        mapped++;
    return any_bool();
}

int main(void)
{
    struct boot_range some;
    range = some;
    memory.base = any_u64() & PAGE_MASK;
    memory.bytes = any_u64() & PAGE_MASK;
    page = any_u64() & PAGE_MASK;
    ASSUME(range.base < 1ull << 52 && range.bytes < 1ull << 52 && memory.base < 1ull << 52 && memory.bytes < 1ull << 52 && page < 1ull << 53);
    bool good = map_range((struct place){ &memory, NULL }, &range);
    bool wanted = range.kind == RANGE_RAM && page >= range.base && page + PAGE_BYTES <= range.base + range.bytes && page < WINDOW_BYTES &&
                  (page + PAGE_BYTES <= memory.base || page >= memory.base + memory.bytes);
    PROVE(mapped <= 1, "no page is mapped twice");
    PROVE(mapped == 0 || wanted, "nothing but RAM that isn't hidden");
    PROVE(!good || !wanted || mapped == 1, "and all of it");
    return 0;
}

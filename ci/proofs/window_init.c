// SPDX-License-Identifier: BSD-2-Clause
// Proof: window_init() maps of the ranges that ept01_ram_range() names every page below the window's end, each of them once, and nothing else: no large
// page reaches beyond its range (I5, I6). The entries: proof window_map.
// CBMC: unwind=5 loops=window_init.1:6,window_init.2:2 replace=map:contract_map
#include "any_ept01.h"
#include "no_machine.h"

hpa_t hidden_base;
uint64_t hidden_bytes;
const struct vmx_caps *vmx_caps;

#include "../../kernel/window.c"

static uint64_t range_base, range_bytes, page;
static unsigned mapped;

enum status pool_alloc(uint64_t pages, hpa_t *out) { (void)pages, (void)out; return STATUS_NO_MEMORY; }

static bool in_range(uint64_t address, uint64_t bytes) { return address >= range_base && address + bytes <= range_base + range_bytes; }

enum status contract_map(uint64_t address, unsigned leaf_shift)
{
    uint64_t bytes = 1ull << leaf_shift;
    PROVE((leaf_shift == 12 || leaf_shift == 21) && address % bytes == 0, "a page or a large page");
    PROVE(address < WINDOW_BYTES && bytes <= WINDOW_BYTES - address, "in the window");
    PROVE(in_range(address, bytes), "in the range, all of it");
    if (page - address < bytes)
        mapped++;
    return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

// One range: proof ept01_ram shows that no two have a page in common.
bool ept01_ram_range(unsigned i, gpa1_t *base, uint64_t *bytes)
{
    base->v = range_base;
    *bytes = range_bytes;
    return i == 0;
}

// Bound: at most a page up to a 2 MiB boundary, two large pages and a page behind them.
static bool few_leaves(uint64_t base, uint64_t bytes)
{
    uint64_t lead = -base % LARGE_BYTES, tail = (base + bytes) % LARGE_BYTES;
    return base % PAGE_BYTES == 0 && bytes % PAGE_BYTES == 0 && base < 1ull << 52 && lead <= PAGE_BYTES && tail <= PAGE_BYTES &&
           bytes <= 2 * LARGE_BYTES + 2 * PAGE_BYTES;
}

int main(void)
{
    range_base = any_u64(), range_bytes = any_u64();
    page = any_u64() & PAGE_MASK;
    ASSUME(few_leaves(range_base, range_bytes) && page < 1ull << 53);
    bool good = window_init() == STATUS_OK;
    PROVE(mapped <= 1, "no page is mapped twice");
    PROVE(mapped == 0 || (in_range(page, PAGE_BYTES) && page < WINDOW_BYTES), "nothing but the range's pages");
    if (good && in_range(page, PAGE_BYTES) && page < WINDOW_BYTES)
        PROVE(mapped == 1, "and all of them");
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Proof: pool_alloc() hands out no page twice and none from outside of the loader's free range, zeroed; pages are refused only where there aren't so many (I5).
// CBMC: unwind=2 replace=memory_fill:contract_fill
#include "proof.h"

#include "../../kernel/pool.c"

static struct boot_info info;
const struct boot_info *boot_info = &info;
static struct records_own own;
struct records_own *records = &own;
const struct vmx_caps *vmx_caps;
static uint64_t filled, filled_bytes;

void contract_fill(void *to, uint8_t value, size_t bytes)
{
    PROVE(value == 0, "zeros");
    filled = hidden_hpa(to).v;
    filled_bytes = bytes;
}

int main(void)
{
    info.free_base = any_u64() & PAGE_MASK;
    info.free_bytes = any_u64() & PAGE_MASK;
    ASSUME(info.free_base < 1ull << 46 && info.free_bytes < 1ull << 46);

    // Any number of pages has gone before: the first ones.
    uint64_t gone = any_u64(), pages = any_u64(), free = info.free_bytes / PAGE_BYTES;
    ASSUME(gone <= free);
    own.machine.free_pages = free - gone;
    hpa_t out;
    if (pool_alloc(pages, &out) != STATUS_OK) {
        PROVE(pages > free - gone && pool_free_pages() == free - gone, "refused only where there aren't so many, and nothing is lost");
        return 0;
    }
    PROVE(out.v == info.free_base + gone * PAGE_BYTES, "the pages behind those that have gone");
    PROVE(pages <= free - gone && pool_free_pages() == free - gone - pages, "in the range; they are gone now");
    PROVE(filled == out.v && filled_bytes == pages * PAGE_BYTES, "zeroed");
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Proof: ept01_ram_range(), which the window is made from, names whole pages of the boot information's RAM without hidden memory, in ascending order, and
// leaves no other RAM out (I1, I6). One range is looked at: the loader sorts them, and no two overlap.
// CBMC: unwind=4
#include "any_caps.h"
#include "any_ept01.h"
#include "no_machine.h"

hpa_t hidden_base;
uint64_t hidden_bytes;

#include "../../kernel/ept01.c"

bool hidden_overlaps(hpa_t base, uint64_t bytes) { return has_hidden(base.v, bytes); }

int main(void)
{
    any_hidden();
    static struct boot_info info;
    struct boot_range some;
    const struct boot_range *range = &info.range[0];
    info.range_count = any_below(2);
    info.range[0] = some;
    ASSUME(range->base < 1ull << 52 && range->bytes < 1ull << 52);
    ept.info = &info;

    uint64_t page = any_u64() & PAGE_MASK, reach = 0;
    bool found = false, wanted = false;
    ASSUME(page < 1ull << 53);
    for (unsigned i = 0; i < 3; i++) {
        gpa1_t base;
        uint64_t bytes;
        if (!ept01_ram_range(i, &base, &bytes)) {
            PROVE(i / 2 >= info.range_count, "every range gets its turn, twice");
            break;
        }
        PROVE(i / 2 < info.range_count, "a range that there is");
        if (range->kind == RANGE_RAM && page >= range->base && page + PAGE_BYTES <= range->base + range->bytes && !has_hidden(page, PAGE_BYTES))
            wanted = true;
        if (bytes == 0)
            continue;
        PROVE(range->kind == RANGE_RAM, "RAM");
        PROVE(base.v % PAGE_BYTES == 0 && bytes % PAGE_BYTES == 0, "whole pages");
        PROVE(base.v >= range->base && base.v + bytes <= range->base + range->bytes, "of the range");
        PROVE(base.v >= reach, "ascending");
        reach = base.v + bytes;
        if (page - base.v < bytes)
            found = true;
    }
    if (any_bool())
        PROVE(!wanted || found, "every page of RAM that isn't hidden");
    else
        PROVE(!found || wanted, "and nothing else");
    return 0;
}

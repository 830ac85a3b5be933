// SPDX-License-Identifier: BSD-2-Clause
// Proof: is_ram(), by which pages can be taken, says yes to whole pages of the boot information's RAM that aren't hidden, and to nothing else (I1, I6). The loader
// sorts the ranges, and no two overlap.
// CBMC: unwind=4
// Of the boot information no more than is looked at.
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 1
#undef PARTITION_MAX
#define PARTITION_MAX 1
#include "any_caps.h"
#include "any_ept01.h"
#include "no_machine.h"

#include "../../kernel/ept01.c"

static struct boot_info info;
const struct boot_info *boot_info = &info;

bool hidden_overlaps(hpa_t base, uint64_t bytes) { return has_hidden(base.v, bytes); }

int main(void)
{
    any_hidden();
    info.range_count = any_below(3);
    for (unsigned i = 0; i < 2; i++) {
        struct boot_range some;
        info.range[i] = some;
        ASSUME(some.base < 1ull << 52 && some.bytes < 1ull << 52);
    }
    ASSUME(info.range[1].base >= info.range[0].base + info.range[0].bytes);
    uint64_t page = any_u64();
    bool wanted = false;
    ASSUME(page < 1ull << 53);
    for (unsigned i = 0; i < info.range_count; i++)
        if (info.range[i].kind == RANGE_RAM && page >= info.range[i].base && page + PAGE_BYTES <= info.range[i].base + info.range[i].bytes)
            wanted = page % PAGE_BYTES == 0 && !has_hidden(page, PAGE_BYTES);
    PROVE(is_ram(page) == wanted, "whole pages of RAM that aren't hidden");
    return 0;
}

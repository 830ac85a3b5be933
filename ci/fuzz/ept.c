// SPDX-License-Identifier: BSD-2-Clause
// EPT12s of any entries, that change between exits: whatever ept maps is what EPT12 says, by a second walker (trees.h), and INVEPT makes every tree right;
// with few of the kernel's tables, too.
#include "trees.h"

#include <caps/ept_call.h>

#include "input.h"

#define TABLES 12u  // pages 1 to 12

static uint64_t address(struct input *input)
{
    uint64_t value = 0, bits = take(input, 4);
    for (unsigned level = 0; level < 4; level++, bits >>= 8)
        value |= (bits & 7) << (12 + 9 * level);
    return bits >> 6 == 3 ? take(input, 8) & (1ull << 48) - 1 : value | (bits & 0xff);
}

// Tables one below the other, most of the time.
static uint64_t entry(struct input *input, unsigned table)
{
    uint64_t shape = take(input, 1), level = 3 - (table - 1) / 3;
    if (shape % 8 == 0)
        return take(input, 8);
    uint64_t rights = shape % 8 == 1 ? take(input, 1) & 7 : 7;
    if (level == 0 || shape % 8 == 2)
        return (take(input, 3) << 12) | (level > 0 ? 0x80 : 0) | (shape >> 3 & 15) << 3 | rights;
    return (4 + 3 * (3 - level) + (shape >> 3) % 3) * PAGE_BYTES | rights;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = { data, bytes };
    trees_start();
    trees_budget = 1500;
    trees_tables_budget = bytes % 2 != 0 ? 40 : 4000;
    memset(world_at(PAGE_BYTES), 0, TABLES * PAGE_BYTES);
    trees_invept(INVEPT_ALL, 0);
    for (unsigned steps = 0; input.left > 0 && steps < 400; steps++) {
        uint64_t what = take(&input, 1), tag = (1 + (what >> 3) % 3) * PAGE_BYTES | 0x1e;
        switch (what % 8) {
        case 0: trees_violation(tag, address(&input), 1 + (unsigned)take_below(&input, 7)); break;
        case 1:
            trees_violation(tag, address(&input), 1);
            trees_violation(tag, address(&input), 2);
            break;
        case 2:
            trees_invept(INVEPT_ALL, 0);
            trees_check();
            break;
        case 3:
            if (what >> 6 == 0)
                trees_invept(INVEPT_SINGLE, tag);
            break;
        default: {
            unsigned table = 1 + (unsigned)(what >> 3) % TABLES, index = (unsigned)take(&input, 1);
            trees_entry(table * PAGE_BYTES, index % 8, entry(&input, table));
            // The processor may use a stale entry until INVEPT; the model wants to know.
            trees_invept(INVEPT_ALL, 0);
        }
        }
    }
    trees_invept(INVEPT_ALL, 0);
    trees_check();
    return 0;
}

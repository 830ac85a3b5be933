// SPDX-License-Identifier: BSD-2-Clause
// Proof: of a run of mappings (OP_EPT_MAP_RUN), whose root the header grants (proof reply_ept02), each entry is read once and checked as it will be mapped;
// they are pages of one table, and the tables that they may need are counted (I2, I5).
// CBMC: unwind=3 volatile
#include "any_batch.h"

#define RUN 2  // bound: so many entries; each is handled like any other

struct ept02_run_rule ept02_run_rule;

static void prove(unsigned copies)
{
    static struct reply reply;
    any_batch(0);
    uint32_t watched = any_below(RUN), pages = the_batch.pages;
    ept02_run_rule.none = any_u64();
    ept02_run_rule.fits = any_u64();
    the_batch.reply = &reply;
    the_batch.copy_count = copies;
    for (unsigned i = 0; i < RUN; i++)
        reply.field[0][i] = any_u64();
    struct op op = any_op(OP_EPT_MAP_RUN);
    ASSUME(op.object < the_partition.header.root_count && (op.a <= RUN || op.a > EPT_RUN_MAX));
    if (decode_ept_map_run(&the_batch, &op) != STATUS_OK)
        return;
    const struct action *action = one_action(0, &op);
    PROVE(op.b % PAGE_BYTES == 0 && op.b >> 48 == 0 && op.b % LARGE_BYTES + op.a * PAGE_BYTES <= LARGE_BYTES, "pages of one table");
    PROVE(the_batch.touches_ept02 && the_batch.pages == pages + EPT02_MAP_PAGES && the_batch.map_region == ~0ull, "tables are set aside");
    PROVE(action->root - the_partition.root_first < the_partition.header.root_count && action->root < ROOT_MAX, "its own root among all");
    PROVE(copies < BATCH_COPIES && action->bank == the_batch.copy[copies] && the_batch.copy_count == copies + 1, "a copy, which nothing else uses");
    uint64_t entry = action->bank[watched];
    PROVE(watched >= op.a || entry == 0 || ept02_run_valid(entry), "each entry is one that may be mapped");
}

int main(void)
{
    switch (any_below(3)) {
    case 0: prove(0); break;
    case 1: prove(BATCH_COPIES - 1); break;
    default: prove(BATCH_COPIES); break;
    }
    return 0;
}

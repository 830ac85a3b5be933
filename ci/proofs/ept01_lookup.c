// SPDX-License-Identifier: BSD-2-Clause
// Proof: a guest's address is checked by ept01_lookup(): what it finds is the address itself, below MAXPHYADDR, in no hidden page, by a leaf that has
// no hidden memory in all of it (I1, I6). What EPT01's entries are is assumed of tree_find() here, and shown of what writes them: proofs
// ept01_fill, tree_split, ept01_decoy.
// CBMC: unwind=6 replace=fill:contract_fill
#include "any_caps.h"
#include "any_ept01.h"
#include "no_machine.h"

#include "../../kernel/ept01.c"

static struct boot_info info;
const struct boot_info *boot_info = &info;

// Every leaf but the decoys in hidden memory, of which ept01_lookup() must not tell.
static uint64_t last;
uint64_t tree_find(const struct tree *tree, uint64_t address, unsigned *level)
{
    (void)tree;
    *level = any_below(4);
    uint64_t entry = last = any_u64(), bytes = leaf_bytes(*level), base = address & ~(bytes - 1);
    if (!(entry & EPT_RIGHTS))
        return entry;
    ASSUME(*level < EPT_LEVEL_COUNT);
    if (!has_hidden(address & PAGE_MASK, PAGE_BYTES))
        ASSUME((entry & EPT_ADDRESS & ~(bytes - 1)) == base && !has_hidden(base, bytes));
    return entry;
}

enum status contract_fill(uint64_t address, uint64_t *bytes)
{
    (void)address, (void)bytes;
    return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

bool hidden_overlaps(hpa_t base, uint64_t bytes) { return has_hidden(base.v, bytes); }

int main(void)
{
    any_caps();
    any_hidden();
    gpa1_t address = { any_u64() };
    struct ept01_leaf leaf;
    const enum status status = ept01_lookup(address, &leaf);
    if (status == STATUS_BAD_ADDRESS)
        PROVE(leaf.owner == (last & EPT_OWNER) >> EPT_OWNER_SHIFT, "whose page it was when it was looked up");
    if (status != STATUS_OK)
        return 0;
    PROVE(leaf.owner == 0, "nobody's");
    PROVE(!has_hidden(address.v & PAGE_MASK, PAGE_BYTES), "the page is not hidden");
    PROVE(ept01_leaf_fits(address.v, &leaf), "the leaf maps the address to itself, and nothing hidden");
    PROVE(ept.lock.held == 0, "the lock is free again");
    return 0;
}

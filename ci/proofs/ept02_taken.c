// SPDX-License-Identifier: BSD-2-Clause
// Proof: ept02_taken() changes nothing in a tree but whether the decoy of a taken page takes writes, and that only where EPT12 allows them (I2): what is
// mapped there stays the decoy. It is ones again each time.
// CBMC: unwind=3 replace=find_entry:contract_find,memory_fill:contract_fill
// Of the boot information no more than is looked at; one tree: which one it is doesn't matter.
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 1
#undef PARTITION_MAX
#define PARTITION_MAX 1
#include <caps/cap.h>
#undef ROOT_MAX
#define ROOT_MAX 1
#undef VMCS02_MAX
#define VMCS02_MAX 1
#include "any_caps.h"
#include "no_machine.h"

#include "../../kernel/ept02.c"

static struct boot_info info;
const struct boot_info *boot_info = &info;
static unsigned fills;
void contract_fill(void *to, uint8_t value, size_t bytes)
{
    (void)to, (void)bytes;
    PROVE(value == 0xff, "ones");
    fills++;
}

static uint64_t tree_entry;
uint64_t *contract_find(const struct root *root, gpa2_t from, unsigned level, unsigned *found)
{
    (void)root, (void)from, (void)level;
    *found = any_below(4);
    return any_bool() ? &tree_entry : NULL;
}

int main(void)
{
    const uint64_t before = tree_entry = any_u64();
    const enum ept02_taken what = (enum ept02_taken)any_below(3);
    info.root_count = any_below(2);
    const uint64_t leaf = ept02_taken(any_u32(), (gpa2_t){ any_u64() }, what);
    PROVE(leaf == 0 || (leaf == before && (leaf & EPT_OWNER)), "what is said of a page is what its entry says");
    PROVE(fills == (leaf != 0 && what != TAKEN_LOOK) && roots[0].lock.held == 0, "the decoy is ones again, and the lock is free");
    if (tree_entry == before)
        return 0;
    PROVE(what != TAKEN_LOOK && (before & EPT_OWNER), "only the decoy of a taken page changes");
    PROVE(((tree_entry ^ before) & ~(uint64_t)EPT_WRITE) == 0, "and only whether it takes writes");
    PROVE(!(tree_entry & EPT_WRITE) || (what == TAKEN_OPEN && (before & EPT_VANISHING)), "where EPT12 allows them");
    return 0;
}

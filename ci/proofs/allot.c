// SPDX-License-Identifier: BSD-2-Clause
// Proof: allot() of the loader gives each partition VMCS02s and EPT02 roots that no other one has: those behind everybody else's. Each VMCS02 has its number, and
// so a VPID, of its own (proof vmcs02), belongs to no CPU, and has no memory yet; a root is PALs' where its partition has the right, and nobody else's (I3, I4).
// CBMC: unwind=4
#include "proof.h"

#include "../../kernel/loader/partitions.c"

// Bounds: so many for one partition at a time, behind any number of others'.
#define COUNT 3

static struct partition partition;
static struct boot_info info;
static struct vmcs02 all[VMCS02_MAX];

int main(void)
{
    uint32_t vmcs02_count = any_bool() ? 7 : VMCS02_MAX - COUNT, before = vmcs02_count;
    const uint32_t root = info.root_count = any_below(ROOT_MAX);
    partition.index = any_below(PARTITION_MAX);
    partition.header.rights = any_u32();
    partition.header.vmcs02_count = any_below(COUNT + 1);
    partition.header.root_count = any_below(COUNT + 1);
    ASSUME(info.root_count + partition.header.root_count <= ROOT_MAX);  // authority_settle()
    allot(&partition, &info, all, &vmcs02_count);
    PROVE(partition.vmcs02_first == before && vmcs02_count == before + partition.header.vmcs02_count, "VMCS02s behind everybody else's");
    PROVE(partition.root_first == root && info.root_count == root + partition.header.root_count, "and roots");
    const uint32_t i = any_below(COUNT);
    const bool pals = partition.header.rights & RIGHT_PAL;
    if (i < partition.header.vmcs02_count) {
        const struct vmcs02 *one = &all[before + i];
        PROVE(one->index == before + i && one->owner_index == i && one->partition == partition.index && one->pal == pals, "with their numbers");
        PROVE(one->region.v == 0 && one->active_cpu == VMCS02_NO_CPU && one->tag == VMCS02_TAG_NONE && one->root == ROOT_NONE && one->top == EPT02_TOP_EPT01, "fresh");
    }
    if (i < partition.header.root_count)
        PROVE(info.root_pals_of[root + i] == (pals ? partition.index + 1 : 0), "PALs' by right");
    return 0;
}

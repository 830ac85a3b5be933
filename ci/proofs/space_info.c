// SPDX-License-Identifier: BSD-2-Clause
// Proof: map_info() of the loader gives a partition a page of its own at INFO_BASE, read-only, which says what all are told, its number, and where its state region lies
// and what may be loaded if it may know (I5).
// CBMC: unwind=2 loops=main.0:19 replace=map:contract_map,memory_take:contract_take,tsc_read:contract_tsc
#include "proof.h"

#include <caps/layout.h>
#undef PARTITION_MAX
#define PARTITION_MAX 1
#include "../../kernel/loader/space.c"

static struct boot_info info;
static struct memory memory;
static struct { struct info info; uint8_t between[LOADABLES_AT - INFO_BASE - sizeof(struct info)]; struct loadables loadables; } page;
static unsigned taken, mapped;

uint64_t contract_tsc(void) { return any_u64(); }

uint64_t contract_take(struct memory *from, uint64_t bytes)
{
    PROVE(from == &memory && bytes == PAGE_BYTES && taken++ == 0, "one page");
    return any_bool() ? (uintptr_t)&page : 0;
}

bool contract_map(struct place place, uint64_t va, uint64_t first, uint64_t bytes, unsigned rights)
{
    PROVE(place.memory == &memory && va == INFO_BASE && first == (uintptr_t)&page && bytes == PAGE_BYTES && rights == 0 && mapped++ == 0,
          "at its place, read-only");
    return any_bool();
}

int main(void)
{
    struct info told;
    struct pagetable tables;
    struct loadables to_load;
    struct boot_partition *image = &info.partition[0];
    info.info = told;
    info.loadables = to_load;
    image->header.rights = any_u32();
    image->space.state.v = any_u64();
    if (!map_info((struct place){ &memory, &tables }, &info, 0))
        return 0;
    PROVE(mapped == 1, "mapped");
    PROVE(page.info.partition == 0 && (page.info.canary & 0xff) == 0, "its number, and a canary that ends strings");
    PROVE(page.info.state == (image->header.rights & RIGHT_PAL ? image->space.state.v : 0), "the state region's place is a right");
    const bool loads = image->header.rights & RIGHT_LOAD;
    PROVE(page.loadables.key[5] == (loads ? to_load.key[5] : 0) && page.loadables.partition[0].hash[7] == (loads ? to_load.partition[0].hash[7] : 0),
          "what may be loaded is, too");
    PROVE(page.info.abi == told.abi && page.info.cpu_count == told.cpu_count && page.info.feature_control == told.feature_control, "the rest is everybody's");
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Loading partitions at boot.

#include "ept02.h"
#include "group.h"
#include "partition.h"
#include "pool.h"
#include "route.h"

static struct partition *partitions;  // the loader's

uint32_t partition_count(void) { return partitions != NULL ? boot_info->partition_count : 0; }
struct partition *partition_at(uint32_t index) { return &partitions[index]; }

enum status partitions_load(const struct boot_info *info)
{
    group_init(&info->policy);
    partitions = hidden_va((hpa_t){ info->partitions });
    for (uint32_t i = 0; i < info->partition_count; i++)
        if (partitions[i].record->state != PARTITION_DORMANT)
            route_link(&partitions[i], true);
    // EPT02 trees may take two thirds of what is left: the rest is for VMCS02s and other CPUs.
    return ept02_init((hpa_t){ info->free_base }, info->free_bytes / PAGE_BYTES, pool_free_pages() * 2 / 3);
}

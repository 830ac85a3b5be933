// SPDX-License-Identifier: BSD-2-Clause
// Loading partitions at boot.

#include "cr.h"
#include "decoy.h"
#include "ept02.h"
#include "group.h"
#include "paging.h"
#include "partition.h"
#include "pool.h"
#include "records.h"
#include "route.h"
#include "vmcs02.h"
#include "vmx_caps.h"
#include "window.h"

static struct partition partitions[BOOT_PARTITIONS];
static uint32_t count;

uint32_t partition_count(void) { return count; }
struct partition *partition_at(uint32_t index) { return &partitions[index]; }

static void load(const struct boot_info *info, const struct boot_partition *image)
{
    struct partition *partition = &partitions[count];
    const struct partition_header *header = &image->header;
    partition->header = *header;
    partition->name = partition->header.name;
    partition->record = &records->machine.partition[count];
    partition->index = count;
    partition->restarter = CPU_MAX;
    partition->entry = header->entry;
    partition->image = image;
    partition->vmcs02_first = vmcs02_allot(count, header->vmcs02_count, header->rights & RIGHT_PAL);
    partition->root_first = ept02_allot(header->root_count, header->rights & RIGHT_PAL ? count + 1 : 0);
    for (unsigned i = 0; i < CAP_CALLS; i++)
        partition->callee[i] = &partitions[image->callee[i]];
    partition->space = image->space;
    for (uint32_t i = 0; i < info->cpu_count; i++) {
        struct channel *channel = (struct channel *)hidden_va(image->space.channels) + i;
        partition->cpu[i] = (struct partition_cpu){ .channel = channel, .request = CHANNEL_BASE + i * CHANNEL_STRIDE,
            .stack = STACK_BASE + (i + 1) * STACK_STRIDE, .stat = &cpu_table[i]->records.stats.message[count] };
        partition->slot[i] = &partition->cpu[i];
        for (unsigned slot = 0; slot < RING_SLOTS; slot++)
            channel->request[slot].request.cpu = i;
    }
    partition->cr3 = partition->space.root.v | (vmx_caps->pcid ? CR3_NO_FLUSH | (count + 1) : 0);
    partition->inject = info->inject[count];
    partition->injections = partition->inject.count;
    partition->inject_at = partition->inject.message;
    partition->injected = partition->inject.kind != INJECT_NONE || partition->inject.on_request;
    partition->special = partition->injected || (header->rights & RIGHT_VECTORS);
    route_add(partition);
    count++;
}

enum status partitions_load(const struct boot_info *info)
{
    group_init(vmx_caps->allowed1);
    TRY(decoy_init());
    window_init(info);
    for (uint32_t i = 0; i < info->partition_count; i++)
        load(info, &info->partition[i]);
    // EPT02 trees may take two thirds of what is left: the rest is for VMCS02s and other CPUs.
    return ept02_init((hpa_t){ info->free_base }, info->free_bytes / PAGE_BYTES, pool_free_pages() * 2 / 3);
}

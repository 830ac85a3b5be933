// SPDX-License-Identifier: BSD-2-Clause
// Fills in struct partition of each partition. Addresses in it are the kernel's.
#include "partitions.h"

#include <caps/layout.h>

#include "../ept02.h"
#include "../partition.h"
#include "../vmcs02.h"
#include "cr.h"

static void *hidden(uint64_t address) { return (void *)(uintptr_t)(HIDDEN_BASE + address); }

static void make_cpu(struct partition *partition, const struct boot_info *info, uint32_t cpu)
{
    const uint64_t block = info->cpu_blocks + cpu * (uint64_t)CPU_BLOCK_BYTES;
    struct channel *channel = (struct channel *)(uintptr_t)partition->space.channels.v + cpu;
    partition->cpu[cpu] = (struct partition_cpu){
        .channel = hidden((uintptr_t)channel), .request = CHANNEL_BASE + cpu * CHANNEL_STRIDE, .stack = STACK_BASE + (cpu + 1) * STACK_STRIDE,
        .stat = hidden(block + offsetof(struct cpu, records) + offsetof(struct records_cpu, stats.message) + partition->index * sizeof(struct message_stat)),
    };
    partition->slot[cpu] = hidden((uintptr_t)&partition->cpu[cpu]);
    for (unsigned slot = 0; slot < RING_SLOTS; slot++)
        channel->request[slot].request.cpu = cpu;
}

// Its VMCS02s and EPT02 roots: the next ones of all. authority_settle() has seen to it that there are so many.
static void allot(struct partition *partition, struct boot_info *info, struct vmcs02 *all, uint32_t *vmcs02_count)
{
    const bool pals = partition->header.rights & RIGHT_PAL;
    partition->vmcs02_first = *vmcs02_count;
    for (uint32_t i = 0; i < partition->header.vmcs02_count; i++, ++*vmcs02_count)
        all[*vmcs02_count] = (struct vmcs02){ .index = *vmcs02_count, .partition = partition->index, .owner_index = i, .pal = pals,
            .active_cpu = VMCS02_NO_CPU, .top = EPT02_TOP_EPT01, .root = ROOT_NONE, .tag = VMCS02_TAG_NONE };
    partition->root_first = info->root_count;
    for (uint32_t i = 0; i < partition->header.root_count; i++)
        info->root_pals_of[info->root_count++] = pals ? partition->index + 1 : 0;
}

bool partitions_make(struct boot_info *info, struct memory *memory)
{
    info->partitions = memory_take(memory, BOOT_PARTITIONS * sizeof(struct partition));
    info->vmcs02s = memory_take(memory, VMCS02_MAX * sizeof(struct vmcs02));
    if (!info->partitions || !info->vmcs02s)
        return false;
    struct partition *all = (struct partition *)(uintptr_t)info->partitions;
    uint32_t vmcs02_count = 0;
    for (uint32_t i = 0; i < info->partition_count; i++) {
        const struct boot_partition *image = &info->partition[i];
        struct partition *partition = &all[i];
        partition->header = image->header;
        partition->name = hidden((uintptr_t)partition->header.name);
        partition->record = hidden(info->records + offsetof(struct records_own, machine.partition) + i * sizeof(struct records_partition));
        partition->index = i;
        partition->space = image->space;
        partition->cr3 = image->space.root.v | (info->vmx.pcid ? CR3_NO_FLUSH | (i + 1) : 0);
        partition->entry = image->header.entry;
        partition->restarter = CPU_MAX;
        partition->image = hidden((uintptr_t)image);
        partition->inject = info->inject[i];
        partition->injections = partition->inject.count;
        partition->inject_at = partition->inject.message;
        partition->injected = partition->inject.kind != INJECT_NONE || partition->inject.on_request;
        partition->debugged = info->debug == i + 1;
        partition->special = partition->debugged || partition->injected || info->watchdog_counter != 0 || (image->header.rights & RIGHT_VECTORS);
        for (unsigned call = 0; call < CAP_CALLS; call++)
            partition->callee[call] = hidden((uintptr_t)&all[image->callee[call]]);
        for (uint32_t cpu = 0; cpu < info->cpu_count; cpu++)
            make_cpu(partition, info, cpu);
        allot(partition, info, (struct vmcs02 *)(uintptr_t)info->vmcs02s, &vmcs02_count);
    }
    return true;
}

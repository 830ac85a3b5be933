// SPDX-License-Identifier: BSD-2-Clause
// Fills in struct partition of each partition. Addresses in it are the kernel's.
#include "partitions.h"

#include <caps/layout.h>

#include "../partition.h"
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

bool partitions_make(struct boot_info *info, struct memory *memory)
{
    info->partitions = memory_take(memory, BOOT_PARTITIONS * sizeof(struct partition));
    struct partition *all = (struct partition *)(uintptr_t)info->partitions;
    for (uint32_t i = 0; info->partitions && i < info->partition_count; i++) {
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
        partition->special = partition->debugged || partition->injected || (image->header.rights & RIGHT_VECTORS);
        for (unsigned call = 0; call < CAP_CALLS; call++)
            partition->callee[call] = hidden((uintptr_t)&all[image->callee[call]]);
        for (uint32_t cpu = 0; cpu < info->cpu_count; cpu++)
            make_cpu(partition, info, cpu);
    }
    return info->partitions != 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Loading partitions at boot.

#include <stddef.h>

#include <caps/info.h>

#include "cr.h"
#include "decoy.h"
#include "ept02.h"
#include "group.h"
#include "log.h"
#include "memory.h"
#include "paging.h"
#include "partition.h"
#include "pool.h"
#include "records.h"
#include "reply.h"
#include "route.h"
#include "shadow.h"
#include "vmcs02.h"
#include "vmx_caps.h"
#include "window.h"

static struct partition partitions[BOOT_PARTITIONS];
static uint32_t count;

uint32_t partition_count(void) { return count; }
struct partition *partition_at(uint32_t index) { return &partitions[index]; }

static bool same_name(const char a[CAP_NAME], const char b[CAP_NAME])
{
    for (unsigned i = 0; i < CAP_NAME; i++) {
        if (a[i] != b[i])
            return false;
        if (a[i] == 0)
            return true;
    }
    return true;
}

static struct partition *find(const char name[CAP_NAME])
{
    for (uint32_t i = 0; i < count; i++)
        if (same_name(partitions[i].name, name))
            return &partitions[i];
    return NULL;
}

static enum status fail(const struct boot_file *file, const char *what, enum status status)
{
    log_line(LOG_ERROR, "partition %s: %s", file->name, what);
    return status;
}

static void fill_info(const struct partition *partition, uint32_t cpus)
{
    struct info *info = hidden_va(partition->space.info);
    info->abi = CAP_ABI;
    info->cpu_count = cpus;
    info->partition = partition->index;
    info->physical_bits = vmx_caps->physical_bits;
    info->linear_bits = 48;
    info->shadowing = vmx_caps->shadowing && vmx_caps->write_any_field;
    for (unsigned i = 0; i < VMX_MSR_COUNT; i++)
        info->vmx_msr[i] = vmx_caps->msr[i];
    for (unsigned i = 0; i < WORD_COUNT; i++) {
        info->forced1[i] = vmx_caps->forced1[i];
        info->forced0[i] = vmx_caps->forced0[i];
    }
    info->cr4_supported = vmx_caps->cr4_supported;
    info->feature_control = vmx_caps->feature_control;
}
_Static_assert(WORD_COUNT == 5, "struct info has five control words");

static enum status load(const struct boot_info *info, const struct boot_file *file)
{
    struct partition *partition = &partitions[count];
    struct channel *channels[CPU_MAX];
    const void *bytes = hidden_va((hpa_t){ file->base });
    const char *error = elf_parse(bytes, file->bytes, &partition->image);
    if (error == NULL)
        error = elf_header(bytes, &partition->image, &partition->header);
    if (error != NULL)
        return fail(file, error, STATUS_BAD_IMAGE);
    const struct partition_header *header = &partition->header;
    if (find(header->name) != NULL)
        return fail(file, "another partition has the same name", STATUS_BAD_IMAGE);

    partition->name = header->name;
    partition->record = &records.machine.partition[count];
    memory_copy(partition->record->name, header->name, CAP_NAME);
    partition->index = count;
    partition->record->state = PARTITION_STOPPING;  // until MSG_INIT is answered
    partition->restarter = CPU_MAX;
    partition->entry = header->entry;
    partition->file = file;
    partition->vmcs02_first = vmcs02_allot(count, header->vmcs02_count);
    partition->root_first = ept02_allot(header->root_count);
    // Where all are given away, none at all begins at the maximum too.
    if ((header->vmcs02_count > 0 && partition->vmcs02_first == VMCS02_MAX) || (header->root_count > 0 && partition->root_first == ROOT_MAX))
        return fail(file, "too many VMCS02s or EPT02 roots", STATUS_BAD_IMAGE);
    if (space_create(&partition->space, &partition->image, header, info->cpu_count, channels) != STATUS_OK)
        return fail(file, "too little hidden memory", STATUS_NO_MEMORY);
    for (uint32_t i = 0; i < info->cpu_count; i++)
        partition->cpu[i].channel = channels[i];
    space_load(&partition->space, &partition->image, bytes, true);
    fill_info(partition, info->cpu_count);
    partition->cr3 = partition->space.root.v | (paging_pcid ? CR3_NO_FLUSH | (count + 1) : 0);
    if (info->inject.kind != INJECT_NONE && same_name(info->inject.partition, partition->name)) {
        partition->inject = &info->inject;
        partition->injections = info->inject.count;
        partition->inject_at = info->inject.message;
    }
    route_add(partition);
    records.machine.partition_count = ++count;
    return STATUS_OK;
}

// Finds the partitions that one may call. A called one calls nobody: a message is never more than two partitions deep.
static enum status link_calls(struct partition *partition)
{
    for (unsigned i = 0; i < CAP_CALLS; i++) {
        if (partition->header.calls[i][0] == 0)
            continue;
        struct partition *callee = find(partition->header.calls[i]);
        if (callee == NULL || callee == partition)
            return fail(partition->file, "it calls a partition that isn't loaded, or itself", STATUS_BAD_IMAGE);
        for (unsigned j = 0; j < CAP_CALLS; j++)
            if (callee->header.calls[j][0] != 0)
                return fail(partition->file, "it calls a partition that calls another one", STATUS_BAD_IMAGE);
        partition->callee[i] = callee;
    }
    return STATUS_OK;
}

enum status partitions_load(const struct boot_info *info)
{
    group_init(vmx_caps->allowed1);
    TRY(decoy_init());
    TRY(shadow_init());
    TRY(batch_init(info->cpu_count));
    TRY(window_init());
    for (uint32_t i = 0; i < info->partition_count; i++)
        TRY(load(info, &info->partition[i]));
    for (uint32_t i = 0; i < count; i++)
        TRY(link_calls(&partitions[i]));
    // EPT02 trees may take two thirds of what is left: the rest is for VMCS02s and other CPUs.
    return ept02_init((hpa_t){ info->free_base }, info->free_bytes / PAGE_BYTES, pool_free_pages() * 2 / 3);
}

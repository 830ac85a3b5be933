// SPDX-License-Identifier: BSD-2-Clause
// Settles what partitions may do together. Pure.
#include "authority.h"

#include <stddef.h>

#include "text.h"

// Index of the partition with that name, or count.
static uint32_t find(const struct boot_partition *partition, uint32_t count, const char *name)
{
    uint32_t i = 0;
    while (i < count && !text_equal(partition[i].header.name, name))
        i++;
    return i;
}

// A called one calls nobody: a message is never more than two partitions deep.
static const char *resolve_calls(struct boot_partition *partition, uint32_t count, uint32_t caller)
{
    for (unsigned i = 0; i < CAP_CALLS; i++) {
        if (partition[caller].header.calls[i][0] == 0)
            continue;
        uint32_t callee = find(partition, count, partition[caller].header.calls[i]);
        if (callee == count || callee == caller)
            return "it calls a partition that isn't loaded, or itself";
        for (unsigned j = 0; j < CAP_CALLS; j++)
            if (partition[callee].header.calls[j][0] != 0)
                return "it calls a partition that calls another one";
        partition[caller].callee[i] = callee;
    }
    return NULL;
}

const char *authority_settle(struct boot_partition *partition, uint32_t count, uint32_t *which)
{
    uint32_t vmcs02s = 0, roots = 0, takers = 0;
    for (*which = 0; *which < count; ++*which) {
        const struct partition_header *header = &partition[*which].header;
        vmcs02s += header->vmcs02_count;
        roots += header->root_count;
        if (find(partition, *which, header->name) < *which)
            return "another partition has the same name";
        takers += (header->rights & RIGHT_PAL) != 0;
        if (takers > 1)
            return "there is another partition that takes pages";
        if (vmcs02s > VMCS02_MAX || roots > ROOT_MAX)
            return "too many VMCS02s or EPT02 roots";
        const char *wrong = resolve_calls(partition, count, *which);
        if (wrong)
            return wrong;
    }
    return NULL;
}

const char *authority_loadable(const struct boot_partition *partition, uint32_t count, uint32_t loadable, uint32_t *which)
{
    uint32_t loaders = 0, called = 0;
    for (uint32_t i = 0; i < count; i++)
        for (unsigned call = 0; call < CAP_CALLS; call++)
            if (partition[i].header.calls[call][0] != 0)
                called |= 1u << partition[i].callee[call];
    for (*which = 0; *which < count; ++*which) {
        const bool loads = partition[*which].header.rights & RIGHT_LOAD, comes = loadable >> *which & 1;
        if (loads && loadable == 0)
            return "it loads others, and no `loadable =` says which";
        if (loads && loaders++ > 0)
            return "there is another partition that loads";
        if (comes && called >> *which & 1)
            return "it is loadable, and another partition calls it";
        if (comes && partition[*which].header.rights & (RIGHT_LOAD | RIGHT_L1_VMX | RIGHT_DEBUG))
            return "it is loadable, and has a right that L1 can't do without, once it was used";
        if (comes && partition[*which].header.root_count > 0 && !(partition[*which].header.rights & RIGHT_PAL))
            return "it is loadable, and has EPT02 trees, which would outlive it";
    }
    *which = loadable != 0 ? (uint32_t)__builtin_ctz(loadable) : 0;
    return loadable != 0 && loaders == 0 ? "it is loadable, and no partition is there that loads (verify)" : NULL;
}

const char *authority_debugger(const struct boot_partition *partition, uint32_t count, uint32_t debugged, bool secrets, uint32_t *debugger, uint32_t *which)
{
    *debugger = count;
    for (*which = 0; *which < count; ++*which) {
        if (!(partition[*which].header.rights & RIGHT_DEBUG))
            continue;
        if (debugged == 0)
            return "it debugs, and no `debug =` says what";
        if (*debugger < count)
            return "there is another partition that debugs";
        if (partition[*which].header.rights & (RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE | RIGHT_PAL))
            return "it debugs: its window is on that partition, not on L1's memory";
        *debugger = *which;
    }
    *which = debugged - 1;
    if (debugged == 0)
        return NULL;
    if (*debugger >= *which)
        return "to be debugged, and none that debugs (gdb) comes before it";
    return partition[*which].header.rights & RIGHT_SECRETS && !secrets ? "to be debugged, and may hold secrets: `debug = NAME secrets` shows them" : NULL;
}

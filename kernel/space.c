// SPDX-License-Identifier: BSD-2-Clause
// Partitions' address spaces. The kernel writes tables and pages through its own map of hidden memory, never by user addresses.

#include "space.h"

#include <caps/layout.h>

#include "boot_info.h"
#include "memory.h"
#include "paging.h"
#include "pool.h"
#include "tree.h"

static enum status show(hpa_t root, uint64_t va, uint64_t entry)
{
    struct tree tree = { .root = root, .table_bits = PTE_USER_TABLE };
    uint64_t *slot;
    TRY(tree_slot(&tree, va, 0, &slot));
    __atomic_store_n(slot, entry, __ATOMIC_RELEASE);
    return STATUS_OK;
}

enum status space_own(const struct space *space, gpa1_t page, bool owned)
{
    return show(space->root, OWNED_BASE + page.v, (owned ? page.v | PTE_WRITE : boot_info->decoys + DECOY_01 * PAGE_BYTES) | PTE_USER_PAGE | PTE_NX);
}

enum status window_show(gpa1_t page, bool shown)
{
    return show((hpa_t){ boot_info->window_tables }, WINDOW_BASE + page.v, shown ? page.v | PTE_USER_PAGE | PTE_WRITE | PTE_NX : 0);
}

void space_load(const struct boot_partition *image)
{
    const uint8_t *file = hidden_va((hpa_t){ image->base });
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct boot_segment *segment = &image->segment[i];
        if (segment->state)
            continue;
        uint8_t *to = hidden_va(image->space.segment[i]);
        uint64_t end = segment->va_offset + segment->file_bytes;
        memory_fill(to, 0, segment->va_offset);
        memory_copy(to + segment->va_offset, file + segment->file_offset, segment->file_bytes);
        memory_fill(to + end, 0, segment->pages * PAGE_BYTES - end);
    }
}

static void scrub(const uint64_t *table, unsigned level)
{
    for (unsigned i = 0; i < TREE_ENTRIES; i++) {
        if (!(table[i] & PTE_PRESENT))
            continue;
        if (level > 0)
            scrub(tree_table(table[i]), level - 1);
        else if (table[i] & PTE_WRITE && hidden_overlaps((hpa_t){ table[i] & TREE_ADDRESS }, PAGE_BYTES))
            memory_fill(tree_table(table[i]), 0, PAGE_BYTES);
        else if (table[i] & PTE_WRITE)  // the kernel has no map of L1's memory
            memory_fill((void *)(OWNED_BASE + (table[i] & TREE_ADDRESS)), 0, PAGE_BYTES);
    }
}

// All that is the partition's own lies below the window, under the root's first entry, or in the owned window.
void space_scrub(const struct space *space)
{
    const uint64_t *root = hidden_va(space->root);
    scrub(tree_table(root[0]), 2);
    for (uint64_t i = OWNED_BASE >> 39; i < (OWNED_BASE + WINDOW_BYTES) >> 39; i++)
        if (root[i] & PTE_PRESENT)
            scrub(tree_table(root[i]), 2);
}
_Static_assert(WINDOW_BASE >= 1ull << 39 && RECORDS_BASE < 1ull << 39 && STACK_BASE + CPU_MAX * STACK_STRIDE < 1ull << 39, "one entry of the root");

const uint64_t *space_peek(const struct space *space, uint64_t va)
{
    const struct tree tree = { .root = space->root };
    unsigned level;
    if (va % sizeof(uint64_t) != 0 || va >= WINDOW_BASE)
        return NULL;
    uint64_t entry = tree_find(&tree, va, &level);
    return tree_there(entry) && level == 0 ? &tree_table(entry)[(va & ~PAGE_MASK) / sizeof(uint64_t)] : NULL;
}

// SPDX-License-Identifier: BSD-2-Clause
// Which mappings may be asked for, what is mapped where L1 has no page, and runs of mappings: many 4 KiB pages of one table of an EPT02 tree (OP_EPT_MAP_RUN).

#include "ept02.h"

#include "log.h"
#include "memory.h"
#include "tree.h"
#include "vmx_caps.h"

#define DECOYS_LOGGED 16u

struct ept02_run_rule ept02_run_rule;

// Rights and types that make an entry a misconfiguration are left out (SDM 3C 29.3.3.1 "EPT Misconfigurations").
void ept02_run_init(void)
{
    uint64_t rights = 1u << EPT_READ | 1u << (EPT_READ | EPT_WRITE) | 1u << (EPT_READ | EPT_EXECUTE) | 1u << EPT_RIGHTS;
    rights |= vmx_caps->ept_execute_only ? 1u << EPT_EXECUTE | 1u << 0 : 0;  // 0: EPT_EXECUTE_USER alone
    ept02_run_rule.fits = rights | rights << 8 | rights << 32 | rights << 40 | rights << 48;  // types 0, 1, 4, 5, 6
    ept02_run_rule.none = ~(EPT_RUN_BITS & ((1ull << vmx_caps->physical_bits) - 1));
}

bool ept02_map_valid(uint32_t a, gpa2_t from, gpa1_t to)
{
    unsigned level = ept_map_level(a), rights = ept_map_rights(a), type = ept_map_type(a);
    return level < EPT_LEVEL_COUNT && type <= 7 && (a >> 13) == 0 && ept02_run_valid(to.v | type << 3 | rights) && to.v % PAGE_BYTES == 0 && from.v >> 48 == 0 &&
           from.v % PAGE_BYTES == 0 && (from.v ^ to.v) % tree_bytes(level) == 0;
}

uint64_t ept02_decoy(hpa_t page, uint32_t a, gpa2_t from, gpa1_t to)
{
    static uint32_t logged;
    if (logged++ < DECOYS_LOGGED)
        log_line(LOG_WARN, "decoy l1_physical=0x%lx l2_physical=0x%lx: not L1's memory, an L2 sees ones there", (unsigned long)to.v,
                 (unsigned long)from.v);
    memory_fill(hidden_va(page), 0xff, PAGE_BYTES);
    return page.v | (ept_map_rights(a) & (EPT_READ | EPT_WRITE)) | (6u << EPT_TYPE_SHIFT);
}

// The same as make_leaf() for an entry of a run, where EPT01 restricts nothing (the leaf of the one before holds for it): the entry, but for the frame.
static bool run_leaf(const struct ept02_cursor *cursor, uint64_t entry, uint64_t *leaf)
{
    enum { WRITE_BACK = 6 };
    uint64_t offset = (entry & EPT_RUN_ADDRESS) - cursor->leaf_first;
    if (offset >= cursor->leaf_bytes || cursor->leaf.rights != EPT_RIGHTS || cursor->leaf.type != WRITE_BACK)
        return false;
    *leaf = (cursor->leaf.hpa.v + offset) | (entry & ~EPT_RUN_ADDRESS);
    return true;
}

void ept02_map_run(uint32_t index, gpa2_t from, const uint64_t *entries, uint32_t count, struct ept02_work *work)
{
    struct ept02_cursor *cursor = ept02_map_begin(index);
    uint64_t leaf;
    for (uint32_t i = 0; i < count; i++, from.v += PAGE_BYTES) {
        if (entries[i] == 0)
            continue;
        cursor->ahead = count - 1 - i;
        if (!run_leaf(cursor, entries[i], &leaf)) {
            ept02_map(cursor, ept_map_of(entries[i]), from, (gpa1_t){ entries[i] & EPT_RUN_ADDRESS }, work);
        } else if (cursor->region != from.v >> 21) {
            ept02_map_leaf(cursor, leaf, EPT_LEVEL_4K, from, work);
        } else {
            uint64_t *slot = &cursor->table[(from.v >> PAGE_BITS) & 511], old = *slot & ~EPT_FLAGS;
            if (old != leaf)
                ept02_entry_write(slot, leaf);
            work->shootdown |= ept02_leaf_shrinks(old, leaf);
        }
    }
    ept02_map_end(cursor);
}

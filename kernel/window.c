// SPDX-License-Identifier: BSD-2-Clause
// The window's tables. What EPT01 doesn't map isn't here: invariant I3 rests on it.

#include "window.h"

#include <caps/layout.h>

#include "paging.h"
#include "tree.h"

enum status window_show(gpa1_t page, bool shown)
{
    struct tree tree = { .root = { boot_info->window_tables }, .table_bits = PTE_USER_TABLE };
    uint64_t *slot;
    TRY(tree_slot(&tree, WINDOW_BASE + page.v, 0, &slot));
    __atomic_store_n(slot, shown ? page.v | PTE_USER_PAGE | PTE_WRITE | PTE_NX : 0, __ATOMIC_RELEASE);
    return STATUS_OK;
}

// SPDX-License-Identifier: BSD-2-Clause
// The window's tables. What EPT01 doesn't map isn't here: invariant I3 rests on it.

#include "window.h"

#include <caps/layout.h>

#include "paging.h"
#include "tree.h"

static struct tree tree = { .table_bits = PTE_USER_TABLE };

void window_init(const struct boot_info *info) { tree.root = (hpa_t){ info->window_tables }; }

enum status window_show(gpa1_t page, bool shown)
{
    uint64_t *slot;
    TRY(tree_slot(&tree, WINDOW_BASE + page.v, 0, &slot));
    __atomic_store_n(slot, shown ? page.v | PTE_USER_PAGE | PTE_WRITE | PTE_NX : 0, __ATOMIC_RELEASE);
    return STATUS_OK;
}

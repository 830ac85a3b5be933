// SPDX-License-Identifier: BSD-2-Clause
// The kernel's own page tables: 4 levels, made by the loader (loader/launch.c), the same for all CPUs.
#include "paging.h"

#include "cr.h"
#include "pool.h"
#include "tlb_insn.h"
#include "vmx_caps.h"

void paging_flush_all(void)
{
    if (vmx_caps->invpcid) {
        insn_invpcid(INVPCID_ALL, 0, 0);
    } else {
        uint64_t cr4 = cr4_read();
        cr4_write(cr4 ^ CR4_PGE);
        cr4_write(cr4);
    }
}

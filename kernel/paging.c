// SPDX-License-Identifier: BSD-2-Clause
// The kernel's own page tables: 4 levels, made by the loader (loader/launch.c), the same for all CPUs.
#include "paging.h"

#include "cpuid_insn.h"
#include "cr.h"
#include "pool.h"
#include "tlb_insn.h"
#include "vmx_caps.h"

bool paging_pcid, paging_invpcid;
static hpa_t root;

void paging_init(const struct boot_info *info)
{
    paging_pcid = cpuid_read(1, 0).rcx >> 17 & 1 && vmx_caps->cr4_supported & CR4_PCIDE;
    paging_invpcid = cpuid_read(7, 0).rbx >> 10 & 1;
    root = (hpa_t){ info->kernel_tables };
}

hpa_t paging_root(void) { return root; }

void paging_flush_all(void)
{
    if (paging_invpcid) {
        insn_invpcid(INVPCID_ALL, 0, 0);
    } else {
        uint64_t cr4 = cr4_read();
        cr4_write(cr4 ^ CR4_PGE);
        cr4_write(cr4);
    }
}

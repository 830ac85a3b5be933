// SPDX-License-Identifier: BSD-2-Clause
// What the partition knows about the VMCS02 of each VMCS12.

#include <rt/cpu.h>
#include <rt/walk12.h>

#include "entry_check.h"
#include "vmcs02.h"

struct vmcs02 vmcs02_table[VMCS12_COUNT];

// The VMCS02s that ran on each CPU, a bit for each place. Whose `cpu` says another one has moved on since.
static uint64_t ran_on[CPU_MAX];
_Static_assert(VMCS12_COUNT <= 64, "a bit for each place");

void vmcs02_forget(const struct vmcs12 *v)
{
    struct vmcs02 *vmcs02 = vmcs02_of(v);
    vmcs02->valid = false;
    vmcs02->l1_ready = false;
    vmcs02->tagged = false;
    vmcs02->cpu = vmcs02->vpid = 0;
    vmcs02->shadowed = 0;
    vmcs02->steady = 0;
    vmcs02->saves = 0;
    vmcs02->unchecked = ~0ull;
}

uint64_t vmcs02_tag(const struct vmcs12 *v)
{
    if (!vmcs12_proc2(v, PROC2_ENABLE_EPT))
        return 0;
    const uint64_t eptp12 = vmcs12_get(v, VMCS_EPTP), controls = vmcs12_get(v, VMCS_PROC_CONTROLS2);
    if (!(controls & (PROC2_ENABLE_PML | PROC2_MODE_BASED_EXECUTE)))
        return eptp12;
    return eptp12 | (controls & PROC2_ENABLE_PML && eptp12 & EPTP12_FLAGS ? EPTP12_LOGS : 0) | (controls & PROC2_MODE_BASED_EXECUTE ? EPTP12_MODES : 0);
}

void vmcs02_init(void)
{
    for (unsigned place = 0; place < VMCS12_COUNT; place++)
        vmcs02_forget(vmcs12_at(place));
}

void vmcs02_changed(const struct vmcs12 *v, uint64_t groups)
{
    struct vmcs02 *vmcs02 = vmcs02_of(v);
    vmcs02->dirty |= groups;
    vmcs02->unchecked |= groups & CHECK_GROUPS;
    if (groups & ~QUICK_GROUPS)
        vmcs02->steady = 0;
    if (groups & (GROUP_HOST | GROUP_CONTROLS))
        vmcs02->l1_ready = false;
    if (groups & (GROUP_CONTROLS | GROUP_CR_MASK))
        vmcs02->saves = 0;
}

void vmcs02_runs_here(const struct vmcs12 *v)
{
    const uint32_t self = rt_cpu();
    vmcs02_of(v)->cpu = self + 1;
    ran_on[self % CPU_MAX] |= 1ull << vmcs12_place(v);
}

void vmcs02_flush(int32_t vpid)
{
    const uint32_t self = rt_cpu() + 1;
    for (uint64_t left = ran_on[(self - 1) % CPU_MAX]; left != 0; left &= left - 1) {
        const unsigned place = (unsigned)__builtin_ctzll(left);
        if (!vmcs02_table[place].valid || vmcs02_table[place].cpu != self) {
            ran_on[(self - 1) % CPU_MAX] &= ~(1ull << place);
            continue;
        }
        if (vpid < 0 || vmcs02_table[place].vpid == (uint32_t)vpid)
            vmcs02_table[place].cpu = 0;
    }
}

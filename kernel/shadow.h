// SPDX-License-Identifier: BSD-2-Clause
// VMCS shadowing for L1 (SDM 3C 25.10 "VMCS Types: Ordinary and Shadow"): which fields L1 reads and writes without an exit.
#pragma once

#include <stdbool.h>

#include <caps/status.h>

#include "cpu.h"
#include "vmcs.h"

// Makes the bitmaps from group.def. Once.
NODISCARD enum status shadow_init(void);

// Whether this CPU can do it: also needs VMWRITE to the exit information.
bool shadow_supported(const struct cpu *cpu);

// Switches it on or off in VMCS01.
void shadow_set(struct cpu *cpu, bool on);

// Makes a VMCS current. Who leaves the shadow VMCS clears it: what L1 reads is the region in memory.
static inline void shadow_select(struct cpu *cpu, hpa_t vmcs)
{
    if (cpu->vmcs_current.v == vmcs.v)
        return;
    if (cpu->shadow.v != 0 && cpu->vmcs_current.v == cpu->shadow.v)
        vmcs_clear(cpu, cpu->shadow);
    vmcs_make_current(cpu, vmcs);
}

// Before a VM entry: the shadow VMCS isn't the current one.
static inline void shadow_leave(struct cpu *cpu)
{
    if (cpu->shadow.v != 0 && cpu->vmcs_current.v == cpu->shadow.v)
        vmcs_clear(cpu, cpu->shadow);
}

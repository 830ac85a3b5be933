// SPDX-License-Identifier: BSD-2-Clause
// VMCSs: current VMCS, its fields, and what VMCS01 and every VMCS02 have in common.
#pragma once

#include <stdint.h>

#include <caps/addr.h>
#include <caps/vmcs_field.h>

#include "boot_info.h"
#include "cpu.h"
#include "vmx_caps.h"
#include "vmx_insn.h"

// A field of the current VMCS. The caller knows that this CPU has it (vmcs_feature_exists).
static inline uint64_t vmcs_get(struct cpu *cpu, enum vmcs_field field)
{
    cpu->vmreads++;
    return insn_vmread(vmcs_field_info[field].encoding);
}

static inline void vmcs_set(struct cpu *cpu, enum vmcs_field field, uint64_t value)
{
    cpu->vmwrites++;
    insn_vmwrite(vmcs_field_info[field].encoding, value);
}

// The same by who doesn't have cpu at hand.
static inline uint64_t vmcs_read(enum vmcs_field field) { return vmcs_get(cpu_self(), field); }
static inline void vmcs_write(enum vmcs_field field, uint64_t value) { vmcs_set(cpu_self(), field, value); }

// VMPTRLD. The shadow VMCS, where that was current, is cleared: what L1 reads is the region in memory. Panics where the CPU refuses; vmcs_try() says false.
NODISCARD bool vmcs_try(struct cpu *cpu, hpa_t vmcs);
void vmcs_load(struct cpu *cpu, hpa_t vmcs);

// Makes a VMCS current where it isn't.
static inline void vmcs_select(struct cpu *cpu, hpa_t vmcs)
{
    if (cpu->vmcs_current.v != vmcs.v)
        vmcs_load(cpu, vmcs);
}

// VMCLEAR: another CPU may use it then, its next entry is a VMLAUNCH. No VMCS is current afterwards if it was.
void vmcs_clear(struct cpu *cpu, hpa_t vmcs);

// A fresh region: revision identifier, VMCLEARed. shadow: a shadow VMCS (SDM 3C 25.10). The page is zeroed first.
void vmcs_format(struct cpu *cpu, hpa_t vmcs, bool shadow);

// Sets or clears bits of a control field of the current VMCS, where they aren't so yet.
void vmcs_control(struct cpu *cpu, enum vmcs_field field, uint32_t bits, bool on);

// Writes a list of the loader's into the current VMCS.
void vmcs_write_list(struct cpu *cpu, const struct boot_fields *list);

// Host-state area of the current VMCS, and what is the same in every VMCS: no MSR lists, no link, no CR3 targets, no PLE... Controls, bitmaps,
// EPTP, VPID and guest state are the caller's.
void vmcs_init_host_state(struct cpu *cpu);

// What of the host's state is another on each CPU, into the current VMCS.
void vmcs_host_cpu(struct cpu *cpu);

// Whether this CPU has the field.
static inline bool vmcs_field_exists(enum vmcs_field field)
{
    return vmcs_feature_exists((enum vmcs_feature)vmcs_field_info[field].feature, vmx_caps->allowed1);
}

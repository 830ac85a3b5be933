// SPDX-License-Identifier: BSD-2-Clause
// Events into the guest, and going on behind an instruction. All work on the current VMCS, which is the one that exited.
#pragma once

#include <stdint.h>

#include "cr.h"
#include "vmcs.h"

// VM-entry interruption-information (SDM 3C 25.8.3 "VM-Entry Controls for Event Injection").
#define EVENT_VALID      (1u << 31)
#define EVENT_ERROR_CODE (1u << 11)
#define EVENT_TYPE       (7u << 8)
enum event_type { EVENT_TYPE_INTERRUPT = 0, EVENT_TYPE_NMI = 2, EVENT_TYPE_EXCEPTION = 3, EVENT_TYPE_SOFTWARE_INTERRUPT = 4,
                  EVENT_TYPE_PRIVILEGED_EXCEPTION = 5, EVENT_TYPE_SOFTWARE_EXCEPTION = 6, EVENT_TYPE_OTHER = 7 };
enum { VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_UD = 6, VECTOR_DF = 8, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_MC = 18 };

// GUEST_INTERRUPTIBILITY
enum { BLOCKING_STI = 1, BLOCKING_MOV_SS = 2, BLOCKING_ONE = BLOCKING_STI | BLOCKING_MOV_SS, BLOCKING_SMI = 4, BLOCKING_NMI = 8 };

void inject_ud(struct cpu *cpu);
void inject_gp(struct cpu *cpu, uint32_t error_code);

#define PENDING_DEBUG_BS (1u << 14)
#define DEBUGCTL_BTF     (1u << 1)
#define RIGHTS_LONG      (1u << 13)

// Behind the instruction that exited: RIP, blocking by STI and MOV SS ends, a single-step trap becomes pending. Uses cpu->rip.
static inline __attribute__((always_inline)) void advance_rip_with(struct cpu *cpu, uint64_t rflags)
{
    const uint64_t before = cpu->rip;
    uint64_t rip = before + insn_vmread(vmcs_field_info[VMCS_EXIT_INSTRUCTION_LENGTH].encoding);
    if (__builtin_expect((rip ^ before) >> 32 != 0, 0) && !(vmcs_get(cpu, VMCS_GUEST_CS_ACCESS_RIGHTS) & RIGHTS_LONG))
        rip = (uint32_t)rip;
    vmcs_set(cpu, VMCS_GUEST_RIP, rip);
    cpu->vmreads += 3;  // RFLAGS, too
    uint64_t blocking = insn_vmread(vmcs_field_info[VMCS_GUEST_INTERRUPTIBILITY].encoding);
    if (__builtin_expect(blocking & (BLOCKING_STI | BLOCKING_MOV_SS), 0))
        vmcs_set(cpu, VMCS_GUEST_INTERRUPTIBILITY, blocking & ~(uint64_t)(BLOCKING_STI | BLOCKING_MOV_SS));
    if (__builtin_expect(rflags & RFLAGS_TF, 0) && !(vmcs_get(cpu, VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF))
        vmcs_set(cpu, VMCS_GUEST_PENDING_DEBUG, vmcs_get(cpu, VMCS_GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

static inline void advance_rip(struct cpu *cpu) { advance_rip_with(cpu, insn_vmread(vmcs_field_info[VMCS_GUEST_RFLAGS].encoding)); }

// The exit interrupted the delivery of an event, and the guest goes on where it was: deliver it again (SDM 3C 28.2.4 "Information for VM Exits
// During Event Delivery"). Nothing happens where there was none.
void event_reinject(struct cpu *cpu);

// SPDX-License-Identifier: BSD-2-Clause
// Events into the guest, and going on behind an instruction. All work on the current VMCS, which is the one that exited.
#pragma once

#include <stdint.h>

#include "cpu.h"

// VM-entry interruption-information (SDM 3C 25.8.3 "VM-Entry Controls for Event Injection").
#define EVENT_VALID      (1u << 31)
#define EVENT_ERROR_CODE (1u << 11)
#define EVENT_TYPE       (7u << 8)
enum event_type { EVENT_TYPE_INTERRUPT = 0, EVENT_TYPE_NMI = 2, EVENT_TYPE_EXCEPTION = 3, EVENT_TYPE_SOFTWARE_INTERRUPT = 4,
                  EVENT_TYPE_PRIVILEGED_EXCEPTION = 5, EVENT_TYPE_SOFTWARE_EXCEPTION = 6, EVENT_TYPE_OTHER = 7 };
enum { VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_UD = 6, VECTOR_DF = 8, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_MC = 18 };

// GUEST_INTERRUPTIBILITY
enum { BLOCKING_STI = 1, BLOCKING_MOV_SS = 2, BLOCKING_SMI = 4, BLOCKING_NMI = 8 };

void inject_ud(struct cpu *cpu);
void inject_gp(struct cpu *cpu, uint32_t error_code);

// Behind the instruction that exited: RIP, blocking by STI and MOV SS ends, a single-step trap becomes pending. Uses cpu->rip.
void advance_rip(struct cpu *cpu);

// The exit interrupted the delivery of an event, and the guest goes on where it was: deliver it again (SDM 3C 28.2.4 "Information for VM Exits
// During Event Delivery"). Nothing happens where there was none.
void event_reinject(struct cpu *cpu);

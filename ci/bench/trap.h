// SPDX-License-Identifier: BSD-2-Clause
// The bench's own descriptor tables: exceptions end it with one line, or make trap_try return.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TASK 0x18
#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33

// Replaces the firmware's GDT and IDT, loads TR. Interrupts are off and stay off.
void trap_install(void);
uint64_t trap_gdt_base(void), trap_idt_base(void), trap_task_base(void);
#define TRAP_GDT_LIMIT  0x37
#define TRAP_IDT_LIMIT  0x20f
#define TRAP_TASK_LIMIT 0x67

// Calls what; false if that raised an exception (trap.S).
bool trap_try(void (*what)(void));

// The one vector that isn't an exception.
#define TRAP_INTERRUPT 32
void trap_interrupt(void (*handler)(void));

// From trap.S: an exception outside trap_try.
_Noreturn void trap_unexpected(uint64_t vector, uint64_t error, uint64_t rip);
extern const uint64_t trap_stub[32];

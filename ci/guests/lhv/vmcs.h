// SPDX-License-Identifier: BSD-2-Clause
// The current VMCS: a working default, and its fields by name.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/exit_reason.h>
#include <caps/vmcs_feature.h>
#include <caps/vmcs_field.h>

#include "cpu.h"
#include "test.h"

// VMREAD, VMWRITE that must succeed.
uint64_t vmcs_read(enum vmcs_field field);
void vmcs_write(enum vmcs_field field, uint64_t value);
#define R(name)        vmcs_read(VMCS_##name)
#define W(name, value) vmcs_write(VMCS_##name, value)

// VMCS 0 is cleared, made current and filled: a 64-bit L2 at CPL 0 in L1's address space with interrupts off, on its own stack and IDT,
// with EPT and VPID where the CPU has them; what must not exit doesn't.
void vmcs_fresh(struct cpu *c);
// Makes another of this CPU's VMCSs current, filled like that.
void vmcs_use(struct cpu *c, unsigned index);
// The same for a region of a test's own, which VMCLEARs it in the end.
void vmcs_use_region(struct cpu *c, uint32_t *region);

// What the capability MSRs allow of a control word.
uint32_t control_allowed1(enum control_word word);
uint32_t control_must1(enum control_word word);
enum vmcs_field control_field(enum control_word word);
bool vmcs_has(enum vmcs_field field);
// Sets the control in the VMCS; a test that can't have it is skipped.
void control_need(enum control_word word, uint32_t bit, const char *name);
#define NEED(word, name)  control_need(WORD_##word, word##_##name, "not offered: " #name)
#define CLEAR(word, name) vmcs_write(control_field(WORD_##word), vmcs_read(control_field(WORD_##word)) & ~(uint64_t)word##_##name)
#define HAS(word, name)   ((control_allowed1(WORD_##word) & word##_##name) != 0)

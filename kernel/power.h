// SPDX-License-Identifier: BSD-2-Clause
// The machine's end.
#pragma once

#include "cpu.h"

// Last words before L1 switches off ("power-off") or resets ("reset").
void power_end(const char *stage);

// L1 can't be entered, whoever spoilt its state: at the first entry the CPU goes back to the loader, later the machine is reset.
__attribute__((noreturn)) void power_l1_lost(struct cpu *cpu, const char *why, uint64_t number);

// L1 ran into a triple fault: the machine is reset.
__attribute__((noreturn)) void power_triple_fault(struct cpu *cpu);

// Resets the machine, at once. Memory keeps what it has.
__attribute__((noreturn)) void power_reset(void);

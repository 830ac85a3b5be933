// SPDX-License-Identifier: BSD-2-Clause
// Exceptions and NMIs in VMX root: those of a partition go to partition_trap(), the kernel's own to a fixup or to panic.
#pragma once

#include "descriptor.h"

// The IDT, the same for all CPUs. CPU 0, once.
void trap_init(void);

// The operand of LIDT.
struct table_register trap_idt(void);

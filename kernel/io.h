// SPDX-License-Identifier: BSD-2-Clause
// Watched ports: by these L1 switches the machine off or resets it. L0 lets it, and says its last words before.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "boot_info.h"
#include "cpu.h"

// After the partitions are loaded: what is watched depends on them.
void io_init(const struct boot_info *info);

// The i-th watched port; false behind the last one.
bool io_watch(unsigned i, uint16_t *port);

// Whether the exit being handled is IN EAX from HYPERCALL_PORT and nothing else. Its VMCS is the current one.
bool io_hypercall(void);

// Exit handler of I/O instructions.
void io_exit(struct cpu *cpu);

// SPDX-License-Identifier: BSD-2-Clause
// Launching: each CPU enters the kernel and goes on as L1.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../boot_info.h"
#include "cpus.h"
#include "elf_kernel.h"
#include "launch_state.h"
#include "memory.h"

#define LAUNCH_WHY 120

struct launch {
    struct boot_info *info;      // as the firmware's page tables show it. Not there any more for a CPU that has been launched
    struct launch_state *state;  // by CPU, in hidden memory
    uint64_t entry;              // the kernel's
    const struct cpus *cpus;
    uint32_t cpu;                // the one whose turn it is
    bool launched;               // its turn ended as L1
    char error[LAUNCH_WHY];      // else: why it failed
};

// Makes the page tables by which the kernel is entered, and its own. It lies at info->kernel_base.
// no_execute: EFER.NXE is on, on all CPUs. False: not enough hidden memory.
bool launch_prepare(struct launch *launch, struct memory *memory, const struct elf_kernel *kernel, bool no_execute);

// Launches one CPU. True: it is L1 now.
bool launch_cpu(struct launch *launch, uint32_t cpu);

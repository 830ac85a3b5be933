// SPDX-License-Identifier: BSD-2-Clause
// The machine's CPUs, and running code on each.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/layout.h>

#include "firmware.h"
#include "mp_services.h"

struct cpus {
    uint32_t count;              // those that the firmware has enabled, at most CPU_MAX
    uint32_t apic_id[CPU_MAX];   // CPU 0 is the one that runs the loader
    UINTN number[CPU_MAX];       // as the firmware counts
    struct mp_services *mp;      // NULL: there is one CPU
};

// Finds the CPUs. False after a line on the console.
bool cpus_find(struct cpus *cpus);

// Runs a procedure on a CPU and waits until it is done. False: the firmware says that the CPU didn't run it or didn't come back.
bool cpus_run(const struct cpus *cpus, uint32_t cpu, void (EFIAPI *procedure)(void *), void *argument);

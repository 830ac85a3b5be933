// SPDX-License-Identifier: BSD-2-Clause
// Step: the guest executes one instruction by itself (monitor trap flag), with something allowed that else exits.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>

struct cpu;

#define STEP_DECOYS 8

// cpu->stepping. Of the VMCS that runs; any exit but another write to hidden memory ends the step, the instruction done or not.
struct step {
    bool trap_was_on;            // an L2's hypervisor steps it as well
    bool event;                  // to dispatch the exit of an NMI or INIT in an L2's name
    bool io;                     // string instruction on a watched port: the I/O bitmaps are off
    uint32_t decoy_count;        // hidden pages to which writes vanish
    gpa1_t decoy[STEP_DECOYS];
};

// Turns the monitor trap flag on in the current VMCS. What is allowed is set in cpu->step by the caller.
void step_begin(struct cpu *cpu);

// Everything as before the step. The VMCS of the step is current.
void step_end(struct cpu *cpu);

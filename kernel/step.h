// SPDX-License-Identifier: BSD-2-Clause
// Step: the guest executes one instruction by itself (monitor trap flag), with something allowed that else exits.
#pragma once

#include <stdbool.h>
#include <stdint.h>


struct cpu;

#define STEP_DECOYS 8

// cpu->stepping. Of the VMCS that runs; any exit ends the step, the instruction done or not.
struct step {
    bool trap_was_on;            // an L2's hypervisor steps it as well
    bool event;                  // to dispatch the exit of an NMI or INIT in an L2's name
    bool io;                     // string instruction on a watched port: the I/O bitmaps are off
    bool open;                   // the decoys take writes, which vanish
    uint32_t decoy_count;        // what the instruction there, by that EPT, was seen to write to: all of it has to be open at the same time
    uint64_t decoy[STEP_DECOYS], rip, eptp;
};

// Turns the monitor trap flag on in the current VMCS. What is allowed is set in cpu->step by the caller.
void step_begin(struct cpu *cpu);

// The same, with writes to that page vanishing: one that is hidden or taken, by the address of who runs.
void step_write(struct cpu *cpu, uint64_t page);

// Everything as before the step. The VMCS of the step is current. done: by the trap itself, as a rule behind the instruction; else that comes again, and
// needs what it needed before, too.
void step_end(struct cpu *cpu, bool done);

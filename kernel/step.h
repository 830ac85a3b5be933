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
    bool open;                   // the decoys take writes, which vanish
    uint16_t port, bytes;        // of an L2's string instruction on ports that L0 watches only for partitions: they don't exit; 0 bytes: there is none
    uint32_t decoy_count;        // what the instruction there, by that EPT, was seen to write to: all of it has to be open at the same time
    uint64_t decoy[STEP_DECOYS], rip, eptp;
};

// Turns the monitor trap flag on in the current VMCS. What is allowed is set in cpu->step by the caller.
void step_begin(struct cpu *cpu);

// The same, with writes to that page vanishing: one that is hidden or taken, by the address of who runs.
void step_write(struct cpu *cpu, uint64_t page);

// The same, with its string instruction's access to these ports, which are watched, taking place: L1 has all ports meanwhile, an L2 these, whose hypervisor doesn't
// intercept them. false: nothing is done, one of them is a port that L0 watches of an L2 as well.
bool step_io(struct cpu *cpu, uint16_t port, uint16_t bytes);

// Everything as before the step. The VMCS of the step is current. done: by the trap itself, as a rule behind the instruction; else that comes again, and
// needs what it needed before, too.
void step_end(struct cpu *cpu, bool done);

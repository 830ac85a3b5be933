// SPDX-License-Identifier: BSD-2-Clause
// Task-state segments as they lie in memory (SDM 3A 8.2.1 "Task-State Segment (TSS)", 8.6 "16-Bit Task-State Segment (TSS)").
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tss32 {
    uint16_t link, reserved0;
    uint32_t stacks[6];           // ESP and SS of levels 0 to 2
    uint32_t cr3;
    uint32_t eip, eflags;
    uint32_t gpr[8];              // as enum gpr counts
    uint32_t segment[6];          // ES, CS, SS, DS, FS, GS
    uint32_t ldtr;
    uint16_t trap, io_map;        // bit 0 of trap: #DB on a switch to this task
};
_Static_assert(sizeof(struct tss32) == 104 && offsetof(struct tss32, eip) == 0x20 && offsetof(struct tss32, ldtr) == 0x60, "SDM 3A Figure 8-2");

struct tss16 {
    uint16_t link;
    uint16_t stacks[6];
    uint16_t ip, flags;
    uint16_t gpr[8];
    uint16_t segment[4];          // ES, CS, SS, DS
    uint16_t ldtr;
};
_Static_assert(sizeof(struct tss16) == 44 && offsetof(struct tss16, ip) == 0x0e && offsetof(struct tss16, ldtr) == 0x2a, "SDM 3A Figure 8-10");

// What a switch saves: from EIP to the last segment.
#define TSS32_SAVED_BYTES (offsetof(struct tss32, ldtr) - offsetof(struct tss32, eip))
#define TSS16_SAVED_BYTES (offsetof(struct tss16, ldtr) - offsetof(struct tss16, ip))

// A task's state, whichever kind of TSS it lies in.
struct task_state {
    uint32_t cr3, eip, eflags, gpr[8];
    uint16_t segment[6], ldtr;    // by enum segment
    uint16_t trap;
};

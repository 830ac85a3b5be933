// SPDX-License-Identifier: BSD-2-Clause
// VT-d units: what they can do, the tables that lead every device to EPT01, and all of turning them on but the last step, which is the kernel's
// (kernel/vtd.c). Citations: as in kernel/vtd.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../boot_info.h"
#include "memory.h"

// A unit's registers, as they are seen from here (VT-d 11.4 "Register Descriptions").
struct vtd_registers {
    uint32_t version, reserved;
    uint64_t capability, extended;
    uint32_t command, status;
    uint64_t root;
    uint64_t context;  // context command
    uint32_t unused, fault_status, fault_control;
    uint32_t unused_then[10];
    uint32_t protected_enable;
    uint64_t unused_too[3];
    uint64_t queue_head, queue_tail, queue;
};
_Static_assert(offsetof(struct vtd_registers, command) == 0x18 && offsetof(struct vtd_registers, root) == 0x20 && offsetof(struct vtd_registers, context) == 0x28 &&
               offsetof(struct vtd_registers, protected_enable) == 0x64 && offsetof(struct vtd_registers, queue_tail) == 0x88 &&
               offsetof(struct vtd_registers, fault_status) == 0x34, "VT-d 11.4.1 \"Register Location\"");

// What keeps EPT01 from being the table of this unit's devices; NULL: nothing. Writes nothing.
const char *vtd_missing(const volatile struct vtd_registers *unit);

// What follows from a unit that lacks nothing.
bool vtd_huge(const volatile struct vtd_registers *unit);    // it takes leaves of 1 GiB
bool vtd_snoops(const volatile struct vtd_registers *unit);  // it finds its tables in caches as well
uint64_t vtd_leaf(const volatile struct vtd_registers *unit);   // what leaves of EPT01 may have for it
bool vtd_queues(const volatile struct vtd_registers *unit);  // it is told what to forget by a queue
uint32_t vtd_iotlb(const volatile struct vtd_registers *unit);  // where not: offset of the register by which its IOTLB is emptied

// One root table, and one context table for all buses: every device has EPT01, whose top table is at ept01. In memory, not only in caches. 0: no memory is left.
uint64_t vtd_tables(struct memory *memory, uint64_t ept01);

// A queue for a unit that has one, as kernel/boot_info.h says, and the word where it answers. False: no memory is left.
struct vtd_queue { uint64_t base; volatile uint64_t *answer; };  // base 0: none
bool vtd_queue_make(struct vtd_queue *queue, struct memory *memory);

// Where it records what it refuses, and how many such records are on the page that the kernel sees.
struct vtd_faults { uint32_t offset, count; };
struct vtd_faults vtd_faults(const volatile struct vtd_registers *unit);

// Makes the unit forget what it has cached and know this root table, and its queue. Translation stays off. False: it doesn't do it.
bool vtd_prepare(volatile struct vtd_registers *unit, uint64_t root, const struct vtd_queue *queue);

// Turns translation, and its queue, off again, where the kernel did not start.
void vtd_stop(volatile struct vtd_registers *unit);

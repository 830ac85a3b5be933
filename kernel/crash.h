// SPDX-License-Identifier: BSD-2-Clause
// Crash records: what the next boot is to know of this run (struct crash_record of caps/records.h), in memory that a warm reset keeps.
#pragma once

#include <caps/records.h>

#include "boot_info.h"
#include "cpu.h"

// What happened. Where something isn't known it is 0.
struct crash_scene {
    enum crash_kind kind;
    const struct partition *partition;  // CRASH_FAULT
    uint64_t vector, error, cr2;        // of the exception, or CRASH_NO_VECTOR
    uint64_t rip, rsp, rflags;
    uint64_t frame;                     // RBP: where the backtrace starts
    const uint64_t *gpr;                // by enum gpr, but for RSP
};

// Where records go. Once, before anything can go wrong.
void crash_init(const struct boot_info *info);

// Logs the backtrace, and writes a record, out to memory. text: what happened, in a line. A panic may interrupt another record's writing; nothing else comes in NMI context.
void crash_write(const struct crash_scene *scene, const char *text);

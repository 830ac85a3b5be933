// SPDX-License-Identifier: BSD-2-Clause
// The records (caps/records.h) as they are read: line by line. The kernel goes on writing meanwhile.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <caps/hypercall.h>
#include <caps/records.h>

// Where lines come from: the one at an offset, a multiple of REPORT_LINE. False: there is none.
extern bool (*region_line)(uint64_t offset, uint64_t line[REPORT_LINE / sizeof(uint64_t)]);

// Any bytes. False: not all of them are there.
bool region_read(uint64_t offset, void *to, size_t bytes);

// What the machine is, checked: counts are in bounds, the region is as large as they say, texts end. NULL, or else what is wrong.
#define REGION_WHY 160
const char *region_machine(struct records_machine *machine, char why[REGION_WHY]);

// Offset of a CPU's part.
static inline uint64_t region_cpu(uint32_t cpu) { return sizeof(struct records) + (uint64_t)cpu * sizeof(struct records_cpu); }

// Offset of the requests of a partition on a CPU.
static inline uint64_t region_ring(const struct records_machine *machine, uint32_t partition, uint32_t cpu)
{
    return RECORDS_RING_BASE(machine->cpu_count, partition, cpu) - RECORDS_BASE;
}

// Makes bytes of the records a text: it ends, and has nothing that a terminal would act upon. A line's end stays only at the end.
void region_text(char *text, size_t bytes);

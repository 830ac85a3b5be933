// SPDX-License-Identifier: BSD-2-Clause
// Hidden memory: the one block that Bulkhead lives in.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/records.h>

#include "../memory.h"

struct memory {
    uint64_t base, bytes;  // physical; multiples of 2 MiB
    uint64_t used;         // from base on
    uint64_t top;          // and so much at the end
};

// Where the block goes if it can: always to the same place, so that the next boot finds what a crash left there. Behind what firmware unpacks itself to,
// and in the part of memory that legacy ranges divide up in any case.
#define MEMORY_PLACES 4
extern const uint64_t memory_place[MEMORY_PLACES];

// What the block begins with: the record of the crash before, and the places for those of this run.
#define MEMORY_CRASH_OFFSET sizeof(struct crash_record)
#define MEMORY_CRASH_BYTES  (sizeof(struct crash_record) + sizeof(struct crash_area))

// Allocates the block as EfiReservedMemoryType, at one of these places, else below 4 GiB and as high up there as possible, else anywhere. False: none
// that large.
// It holds whatever was there before: memory_take() clears what it gives, the kernel's pool does too.
bool memory_reserve(struct memory *memory, uint64_t bytes);

// Scrubs the block and gives it back.
void memory_release(struct memory *memory);

// Takes whole pages, zeroed, out of the block, for bytes (more than 0). Returns the physical address, which is the linear one under UEFI; 0: not
// that many left.
static inline uint64_t memory_take(struct memory *memory, uint64_t bytes)
{
    uint64_t left = memory->bytes - memory->used - memory->top;
    if (!bytes || bytes > left)
        return 0;
    uint64_t address = memory->base + memory->used;
    bytes = (bytes + PAGE_BYTES - 1) & PAGE_MASK;
    memory->used += bytes;
    memory_fill((void *)(uintptr_t)address, 0, bytes);
    return address;
}

// The same from the block's end: what is to be aligned to its size.
static inline uint64_t memory_take_top(struct memory *memory, uint64_t bytes)
{
    if (!bytes || bytes % PAGE_BYTES || bytes > memory->bytes - memory->used - memory->top)
        return 0;
    memory->top += bytes;
    uint64_t address = memory->base + memory->bytes - memory->top;
    memory_fill((void *)(uintptr_t)address, 0, bytes);
    return address;
}

// SPDX-License-Identifier: BSD-2-Clause
// L1's memory and the window's instructions, for host tests (the same interface as partitions/guest_access.S).

#include <string.h>

#include <caps/layout.h>
#include <rt/window.h>

#include "harness.h"
#include "world_op.h"
#include <rt/owned.h>

uint8_t world_memory[WORLD_BYTES];
bool world_mapped[WORLD_BYTES / PAGE_BYTES];

__attribute__((constructor)) static void map_everything(void) { memset(world_mapped, 1, sizeof(world_mapped)); }

void *world_at(uint64_t gpa1)
{
    CHECK(gpa1 < WORLD_BYTES);
    return &world_memory[gpa1];
}

void world_unmap(uint64_t gpa1, uint64_t bytes)
{
    for (uint64_t page = gpa1 / PAGE_BYTES; page <= (gpa1 + bytes - 1) / PAGE_BYTES; page++)
        world_mapped[page] = false;
}

// As a page fault would: by page, in ascending order.
static bool copy(uint8_t *host, uint64_t window, uint64_t bytes, bool in)
{
    CHECK(window >= WINDOW_BASE && bytes <= WINDOW_BYTES && window - WINDOW_BASE <= WINDOW_BYTES - bytes);
    uint64_t gpa1 = window - WINDOW_BASE;
    while (bytes > 0) {
        const uint64_t to_border = PAGE_BYTES - (gpa1 & ~PAGE_MASK), piece = bytes < to_border ? bytes : to_border;
        if (gpa1 >= WORLD_BYTES || !world_mapped[gpa1 / PAGE_BYTES])
            return false;
        if (in)
            memcpy(host, &world_memory[gpa1], piece);
        else
            memcpy(&world_memory[gpa1], host, piece);
        host += piece;
        gpa1 += piece;
        bytes -= piece;
    }
    return true;
}

bool window_copy_in(void *to, uint64_t from, uint64_t bytes) { return copy(to, from, bytes, true); }
bool window_copy_out(uint64_t to, const void *from, uint64_t bytes) { return copy((uint8_t *)(uintptr_t)from, to, bytes, false); }

// An access across pages writes nothing if the second one isn't there.
static bool both_pages(uint64_t address, uint64_t bytes)
{
    uint8_t byte;
    return copy(&byte, address, 1, true) && copy(&byte, address + bytes - 1, 1, true);
}
bool window_read64(uint64_t address, uint64_t *value) { return both_pages(address, 8) && copy((uint8_t *)value, address, 8, true); }
bool window_read32(uint64_t address, uint32_t *value) { return both_pages(address, 4) && copy((uint8_t *)value, address, 4, true); }
bool window_write64(uint64_t address, uint64_t value) { return both_pages(address, 8) && copy((uint8_t *)&value, address, 8, false); }
bool window_write32(uint64_t address, uint32_t value) { return both_pages(address, 4) && copy((uint8_t *)&value, address, 4, false); }

bool window_compare(uint64_t address, const void *with, uint64_t qwords, uint64_t *equal)
{
    const uint64_t *expected = with;
    uint64_t found;
    for (uint64_t i = 0; i < qwords; i++) {
        if (!copy((uint8_t *)&found, address + i * 8, 8, true))
            return false;
        if (found != expected[i]) {
            *equal = i;
            return true;
        }
    }
    *equal = qwords;
    return true;
}

bool window_exchange64(uint64_t address, uint64_t expected, uint64_t desired, uint64_t *found)
{
    return window_read64(address, found) && (*found != expected || window_write64(address, desired));
}

bool window_exchange32(uint64_t address, uint32_t expected, uint32_t desired, uint32_t *found)
{
    return window_read32(address, found) && (*found != expected || window_write32(address, desired));
}

// Taken pages, and those that the batch being checked would take.
static bool owned[WORLD_BYTES / PAGE_BYTES], claimed[WORLD_BYTES / PAGE_BYTES];

bool world_owned(uint64_t gpa1) { return gpa1 < WORLD_BYTES && gpa1 % PAGE_BYTES == 0 && owned[gpa1 / PAGE_BYTES]; }

uint32_t world_owned_pages(void)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < WORLD_BYTES / PAGE_BYTES; i++)
        count += owned[i];
    return count;
}

void world_page_batch(void) { memset(claimed, 0, sizeof(claimed)); }

enum status world_page_check(const struct op *op)
{
    if (op->code == OP_PAGE_GIVE)
        return world_owned(op->b) ? STATUS_OK : STATUS_BAD_ADDRESS;
    if (op->b >= WORLD_BYTES || op->b % PAGE_BYTES != 0)
        return STATUS_BAD_ADDRESS;
    const uint64_t page = op->b / PAGE_BYTES;
    if (owned[page] || claimed[page])
        return STATUS_BUSY;
    if (!world_mapped[page])
        return STATUS_BAD_ADDRESS;
    claimed[page] = true;
    return STATUS_OK;
}

void world_page_move(uint64_t gpa1, bool take)
{
    owned[gpa1 / PAGE_BYTES] = take;
    world_mapped[gpa1 / PAGE_BYTES] = !take;
}

void *owned_at(gpa1_t page)
{
    if (!world_owned(page.v & PAGE_MASK))
        world_fault("an access to a page that the partition has not taken");
    return &world_memory[page.v];
}

// SPDX-License-Identifier: BSD-2-Clause
// Page tables: the first ones, that lead from the firmware to the kernel, the kernel's own, and the partitions'. 4-level paging (SDM 3A 4.5).
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PAGE_WRITE = 1, PAGE_EXECUTE = 2, PAGE_UNCACHED = 4 };

// Tables are taken from next_page on, upwards; memory is where physical address 0 of them would be seen from here (under UEFI: 0).
struct pagetable {
    uint8_t *memory;
    uint64_t root;        // physical: CR3
    uint64_t next_page;   // physical
    uint64_t end;         // physical: none from here on
    bool no_execute;      // EFER.NXE is on: without it bit 63 is reserved, and everything stays executable
    bool kernel;          // the kernel's own: global, accessed and dirty are set
    bool user;            // a partition's: for ring 3, accessed and dirty are set
    bool small;           // no large pages
};

// Starts with an empty root. False: no memory.
bool pagetable_start(struct pagetable *tables);

// Maps bytes of linear addresses from address on to physical on; all multiples of the page size; with 2 MiB pages where they fit. False: no memory left for
// tables, an address that isn't canonical or aligned, or a part that is mapped already.
bool pagetable_map(struct pagetable *tables, uint64_t address, uint64_t physical, uint64_t bytes, unsigned rights);

// Where the tables lead: physical address and rights of a linear address. False: not mapped.
bool pagetable_walk(const struct pagetable *tables, uint64_t address, uint64_t *physical, unsigned *rights);

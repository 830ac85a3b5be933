// SPDX-License-Identifier: BSD-2-Clause
// EPT12: L2 sees L1's memory as it is, and a window of its own far above.
#pragma once

#include <stdint.h>

#include <caps/addr.h>

#include "cpu.h"

#define EPT_READ    1ull
#define EPT_WRITE   2ull
#define EPT_EXECUTE 4ull
#define EPT_ALL     7ull
#define EPT_WB      (6ull << 3)
#define EPT_LARGE   (1ull << 7)
#define EPT_ACCESSED (1ull << 8)
#define EPT_DIRTY   (1ull << 9)
#define EPT_EXECUTE_USER (1ull << 10)  // with mode-based execute control; else ignored

#define EPT_EVERY   (EPT_ALL | EPT_EXECUTE_USER)

// The window: 1 GiB at that linear and L2-physical address (below 64 GiB: ept/unrecorded.h; ci/memory_types.py has it, too). Linear pages are 2 MiB, all
// present, writable, for user mode.
#define WINDOW_LINEAR   (1ull << 39)
#define WINDOW_PHYSICAL (1ull << 35)
// Its first region once more, in the place of another one, as a supervisor page.
#define WINDOW_SUPERVISOR_REGION 300
#define WINDOW_SUPERVISOR (WINDOW_LINEAR + WINDOW_SUPERVISOR_REGION * LARGE_BYTES)

void ept12_prepare(struct cpu *c);
// The window is empty again but for its first region, which has a table (c->ept_table) of absent pages.
void ept12_reset(struct cpu *c);
uint64_t ept12_pointer(const struct cpu *c);
// Says what the EPT capability MSR has.
uint64_t ept12_capabilities(void);
// After a change that takes rights away: INVEPT of all contexts.
void ept12_flush(void);
// Maps page (of 4 KiB) of the window's first region.
void ept12_map(unsigned page, uint64_t leaf);

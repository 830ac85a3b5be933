// SPDX-License-Identifier: BSD-2-Clause
// A program with a PAL, without an operating system (pal.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <trustvisor/abi.h>

// Who the program is. ABOVE: L1's, where this L1 is itself an L2 of a Bulkhead's, whose PALs it has.
enum where { IN_L1, IN_L2, ABOVE };
extern const char *const where_name[];

// Structures for trustvisor, and the call that is being made: in page C.
struct call { uintptr_t entry, a[10]; };
struct told { struct tv_sections sections; struct tv_params params; struct call call; };
struct told *told(void);

#define CODE_PAGES 2  // of the PAL; data, stack and parameters lie behind
#define GUARD      0x6a6a6a6a6a6a6a6aull

// Whether there is a trustvisor for it.
bool program_found(uint64_t where);
// Parameter i of the PAL that is registered next. Registers one, whose entry is that function of pal_code.h; unregisters it.
void program_param(unsigned i, uint32_t type, uint64_t words);
void program_open(uint64_t where, uint64_t function);
void program_shut(uint64_t where);
// Calls it with told()->call; the result.
uint64_t program_call(uint64_t where);
// The same in an L2, which is at the call when it is entered next; behind it, it exits by VMCALL.
void program_call_begins(void);

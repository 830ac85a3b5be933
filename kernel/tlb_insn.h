// SPDX-License-Identifier: BSD-2-Clause
// Instructions that invalidate the host's own translations; WBINVD, CLFLUSH; HLT.
#pragma once

#include <stdint.h>

struct invpcid_descriptor { uint64_t pcid, linear; };
enum { INVPCID_ADDRESS = 0, INVPCID_CONTEXT = 1, INVPCID_ALL_GLOBAL = 2, INVPCID_ALL = 3 };

static inline void insn_invpcid(uint64_t type, uint64_t pcid, uint64_t linear)
{
    struct invpcid_descriptor descriptor = { pcid, linear };
    __asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"(type) : "memory");
}

// The line that holds the address goes out to memory.
#define CACHE_LINE_BYTES 64
static inline void insn_clflush(const void *address) { __asm__ volatile("clflush %0" : : "m"(*(const char *)address) : "memory"); }

static inline void insn_wbinvd(void) { __asm__ volatile("wbinvd" ::: "memory"); }
static inline void insn_halt(void) { __asm__ volatile("cli; hlt" ::: "memory"); }

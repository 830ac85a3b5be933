// SPDX-License-Identifier: BSD-2-Clause
// Instructions that invalidate the host's own translations; WBINVD, CLFLUSH; HLT.
#pragma once

#include <stdint.h>

enum { INVPCID_ALL = 3 };  // PCIDs but global translations: it has no address, and names no PCID
static inline void insn_invpcid(uint64_t type) { __asm__ volatile("invpcid %0, %1" : : "m"((const uint64_t[2]){ 0 }), "r"(type) : "memory"); }

// The line that holds the address goes out to memory.
#define CACHE_LINE_BYTES 64
static inline void insn_clflush(const void *address) { __asm__ volatile("clflush %0" : : "m"(*(const char *)address) : "memory"); }

static inline void insn_wbinvd(void) { __asm__ volatile("wbinvd" ::: "memory"); }
static inline void insn_halt(void) { __asm__ volatile("cli; hlt" ::: "memory"); }

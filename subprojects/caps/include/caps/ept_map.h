// SPDX-License-Identifier: BSD-2-Clause
// The leaves of EPT02 in operations: OP_EPT_MAP's operand a (level, rights and memory type of one), and OP_EPT_MAP_RUN's entries.
#pragma once

#include <stdint.h>

#define EPT_READ    1u
#define EPT_WRITE   2u
#define EPT_EXECUTE 4u
#define EPT_RIGHTS  7u
// With mode-based execute control EPT_EXECUTE is for supervisor-mode linear addresses, and this for user-mode ones; without it the CPU ignores this bit.
#define EPT_EXECUTE_USER 0x400u
#define EPT_PRESENT      (EPT_RIGHTS | EPT_EXECUTE_USER)  // none of these: not present

enum ept_level { EPT_LEVEL_4K, EPT_LEVEL_2M, EPT_LEVEL_1G, EPT_LEVEL_COUNT };

// level: enum ept_level, rights: EPT_READ | ..., as an entry has them, type: a memory type (0, 1, 4, 5, 6), ignore_pat: EPT's bit 6.
static inline uint32_t ept_map_pack(unsigned level, unsigned rights, unsigned type, unsigned ignore_pat)
{
    return level | (rights & EPT_RIGHTS) << 4 | (rights & EPT_EXECUTE_USER) >> 3 | type << 8 | ignore_pat << 12;
}
static inline unsigned ept_map_level(uint32_t a) { return a & 0xf; }
static inline unsigned ept_map_rights(uint32_t a) { return ((a >> 4) & EPT_RIGHTS) | ((a << 3) & EPT_EXECUTE_USER); }
static inline unsigned ept_map_type(uint32_t a) { return (a >> 8) & 0xf; }
static inline unsigned ept_map_ignore_pat(uint32_t a) { return (a >> 12) & 1; }

// An entry of OP_EPT_MAP_RUN, which is for 4 KiB pages: address and bits as an EPT entry has them, nothing else. 0: no page here.
#define EPT_RUN_MAX     64u  // entries
#define EPT_RUN_ADDRESS 0x000ffffffffff000ull
#define EPT_RUN_TYPE    0x78ull  // memory type, ignore-PAT
#define EPT_RUN_BITS    (EPT_RUN_ADDRESS | EPT_RUN_TYPE | EPT_PRESENT)
// What OP_EPT_MAP's operand a is for it.
static inline uint32_t ept_map_of(uint64_t entry)
{
    return ept_map_pack(EPT_LEVEL_4K, (unsigned)entry & EPT_PRESENT, (unsigned)(entry >> 3) & 7, (unsigned)(entry >> 6) & 1);
}

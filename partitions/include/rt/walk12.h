// SPDX-License-Identifier: BSD-2-Clause
// EPT12 as L1 wrote it: what an entry means, and the walk to an L2-physical address.
//
// L1's other CPUs may change EPT12 at any time, and it may hold anything: each entry is read once and judged by that
// reading; no content makes the walk fail or go on for more than four entries.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/ept_map.h>
#include <caps/info.h>
#include <rt/guest.h>

#define WALK12_LEVELS  4u   // 0: page table, 1: page directory, 2: page-directory-pointer table, 3: PML4 table
#define WALK12_ENTRIES 512u
#define WALK12_ADDRESS 0x000ffffffffff000ull  // bits 51:12 of an entry or an EPTP

// What the CPU's EPT has, as far as it decides which entries are misconfigured.
struct ept12_cpu {
    uint64_t reserved;   // address bits that this CPU doesn't have
    bool execute_only, pages_2m, pages_1g;
};

enum entry12_kind {
    ENTRY12_NOT_PRESENT, // it grants no right
    ENTRY12_MISCONFIG,
    ENTRY12_TABLE,
    ENTRY12_LEAF,
};

// Where a walk ended.
struct walk12 {
    enum entry12_kind kind; // of the last entry read; ENTRY12_TABLE only where the walk was to stop there
    unsigned level;         // of the table that holds it
    unsigned rights;        // EPT_READ..., those that there are (eptp12_rights()): AND of all entries used, 0 where one isn't present
    unsigned rights_above;  // AND of the entries above the last one
    bool unaccessed;        // one of the entries above lacks the accessed flag
    gpa1_t table;           // the table that holds it
    uint64_t entry;
    struct guest_path path; // path.entry[]: by level, the entries above it
};

// Accessed and dirty flags, where the EPTP asks for them (SDM 3C 29.3.5 "Accessed and Dirty Flags for EPT").
#define EPTP12_FLAGS     (1ull << 6)
// Never L1's, but in an L2's tag: before a flag is set page-modification logging has a say (nestvmx/pml.h); mode-based execute control is on.
#define EPTP12_LOGS      (1ull << 63)
#define EPTP12_MODES     ((uint64_t)EPT_EXECUTE_USER)
#define EPTP12_OF_TAG    (EPTP12_LOGS | EPTP12_MODES)
#define ENTRY12_ACCESSED (1ull << 8)
#define ENTRY12_DIRTY    (1ull << 9)

// Bytes that an entry of a table of that level translates.
static inline uint64_t level12_bytes(unsigned level) { return PAGE_BYTES << (9 * level); }

// The index that an address has in a table of that level.
static inline unsigned level12_index(gpa2_t address, unsigned level)
{
    return (unsigned)(address.v >> (PAGE_BITS + 9 * level)) & (WALK12_ENTRIES - 1);
}

// The page that a leaf of that level maps.
static inline gpa1_t leaf12_page(uint64_t entry, unsigned level)
{
    return (gpa1_t){ entry & WALK12_ADDRESS & ~(level12_bytes(level) - 1) };
}

// From what the kernel says about the CPU.
struct ept12_cpu ept12_cpu(const struct info *info);

// The bits of an entry that are rights: bit 10 is one with mode-based execute control alone, else ignored (SDM 3C 29.3.2 "EPT Translation Mechanism").
static inline unsigned eptp12_rights(uint64_t eptp12) { return ((unsigned)eptp12 & EPT_EXECUTE_USER) | EPT_RIGHTS; }

// What rights are in the exit qualification of an EPT violation: bits 6:3.
static inline uint32_t rights12_qualification(unsigned rights) { return (rights & EPT_RIGHTS) << 3 | (rights & EPT_EXECUTE_USER) >> 4; }

// What an entry in a table of that level is, by SDM 3C 29.3.2 "EPT Translation Mechanism" and 29.3.3.1 "EPT Misconfigurations".
//   mask: the bits that are rights, eptp12_rights()
enum entry12_kind entry12_kind(const struct ept12_cpu *cpu, uint64_t entry, unsigned level, unsigned mask);

// What nearly every entry of a page table is, in one look: a leaf, readable, write-back.
static inline bool entry12_is_plain(const struct ept12_cpu *cpu, uint64_t entry)
{
    return (entry & (cpu->reserved | 0x39)) == (6 << 3 | 1);
}

// Where entry number index of a table lies.
static inline gpa1_t entry12_address(gpa1_t table, unsigned index) { return (gpa1_t){ table.v + index * sizeof(uint64_t) }; }

// Reads entries first to first + count - 1 of a table, each once. What EPT01 doesn't map reads as all-ones, as it would for L1 itself.
void entries12_read(gpa1_t table, unsigned first, unsigned count, uint64_t *entries);

// Walks the tables that eptp12 names, down to the entry in the table of the level last (0: all the way). An address beyond 48 bits
// isn't present: four levels can't translate it.
void walk12_to(const struct ept12_cpu *cpu, uint64_t eptp12, gpa2_t address, unsigned last, struct walk12 *walk);

// The same of what nearly every walk is: down to a page or to where one could be, over tables' entries that are all readable. false: anything else.
#define ENTRY12_TABLE_ZERO 0xf8ull  // bits 7:3 of an entry that names a table
static inline bool walk12_quick(const struct ept12_cpu *cpu, uint64_t eptp12, gpa2_t address, struct walk12 *walk)
{
    const struct guest_path *path = &walk->path;
    if (address.v >> 48 || !guest_walk((gpa1_t){ eptp12 & WALK12_ADDRESS }, address.v, &walk->path) || !(path->all & EPT_READ) ||
        (path->any & (cpu->reserved | ENTRY12_TABLE_ZERO)))
        return false;
    walk->level = (unsigned)path->level;
    walk->entry = path->entry[walk->level];
    const unsigned mask = eptp12_rights(eptp12);
    walk->rights_above = (unsigned)path->all & mask;
    walk->rights = (unsigned)walk->entry & walk->rights_above;
    walk->unaccessed = !(path->all & ENTRY12_ACCESSED);
    walk->table.v = path->table;
    walk->kind = walk->level == 0 && entry12_is_plain(cpu, walk->entry) ? ENTRY12_LEAF : entry12_kind(cpu, walk->entry, walk->level, mask);
    return true;
}

// The quick one where it will do, else the other.
static inline void walk12_into(const struct ept12_cpu *cpu, uint64_t eptp12, gpa2_t address, unsigned last, struct walk12 *walk)
{
    if (last != 0 || !walk12_quick(cpu, eptp12, address, walk))
        walk12_to(cpu, eptp12, address, last, walk);
}

static inline struct walk12 walk12(const struct ept12_cpu *cpu, uint64_t eptp12, gpa2_t address, unsigned last)
{
    struct walk12 walk;
    walk12_into(cpu, eptp12, address, last, &walk);
    return walk;
}

// SPDX-License-Identifier: BSD-2-Clause
// EPT02: the trees that L2s run on. A root is a tree with a tag (the EPTP12 that it stands for); VMCS02s find it by the tag.
//
// A tree's top table lives as long as a VMCS02's EPTP names it: a root that gets a new tag gets a new top table, and the old one stays, empty. So a
// CPU that enters an L2 in the very moment in which its tree changes hands finds nothing mapped, never another's mapping.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/ept_map.h>
#include <caps/status.h>

#include "ept01.h"

// What a batch of operations holds: pages set aside for it, and the tables that it unlinked. CPUs may still walk those: they are free after
// the shoot-down that ends the batch.
struct ept02_work { uint32_t reserved, first, last, count; bool shootdown; };
#define EPT02_NO_PAGE 0xffffffffu
#define EPT02_WORK ((struct ept02_work){ .first = EPT02_NO_PAGE, .last = EPT02_NO_PAGE })

// No top table: the VMCS02 runs on EPT01.
#define EPT02_TOP_EPT01 0xffffffffu

// Bumped when a tag finds another tree than before.
extern uint32_t ept02_generation;

// Makes the roots that the loader has allotted. The trees may use budget_pages of the pool, whose pages lie in [first, first + pages).
NODISCARD enum status ept02_init(hpa_t first, uint64_t pages, uint64_t budget_pages);

// The top table that an EPTP with this tag shall name now, and the root; a reference to the table replaces the one to old_top.
uint32_t ept02_bind(uint64_t tag, uint32_t old_top, uint32_t *root);
uint64_t ept02_pointer(uint32_t top);

// The root that holds the tag, or ROOT_NONE.
uint32_t ept02_find(uint64_t tag);

// Sets more table pages aside, so that what is decided on can't fail. false: the budget is used up.
NODISCARD bool ept02_reserve(struct ept02_work *work, uint32_t pages);
#define EPT02_MAP_PAGES    3u  // the most that one mapping is sure to need
#define EPT02_CREATE_PAGES 2u

// Whether operand a of OP_EPT_MAP is something that a CPU like this one can map.
bool ept02_map_valid(uint32_t a, gpa2_t from, gpa1_t to);

// The same for an entry of OP_EPT_MAP_RUN, but for where it goes.
struct ept02_run_rule { uint64_t none, fits; };  // bits that none may have; bit n: type n / 8 with EPT_RIGHTS n % 8 may be
extern struct ept02_run_rule ept02_run_rule;
void ept02_run_init(void);
static inline bool ept02_run_valid(uint64_t entry)
{
    return !(entry & ept02_run_rule.none) && (ept02_run_rule.fits >> (entry & 63) & 1) && (entry & EPT_PRESENT);
}

// The leaf where L1 has no page: this one, of ones again. What L2 wrote there vanishes. Not present where L2 may do nothing but execute.
uint64_t ept02_decoy(hpa_t page, uint32_t a, gpa2_t from, gpa1_t to);

// Where a root's mappings go, one after the other, under its lock: remembers where the last one was, and from one batch to the next its directory and EPT01's leaf.
struct ept02_cursor {
    uint32_t root;
    uint64_t region;     // L2-physical >> 21 of table, or ~0
    uint64_t *table;     // of 4 KiB entries
    uint32_t ahead;      // how many entries behind the next one the caller is about to use as well
    uint64_t gigabyte;   // L2-physical >> 30 of directory, or ~0
    uint64_t *directory; // of 2 MiB entries
    uint64_t leaf_first, leaf_bytes;  // L1-physical: what leaf holds for
    struct ept01_leaf leaf;           // EPT01's, of leaf_first...
    uint32_t generation;              // ...then
};
struct ept02_cursor *ept02_map_begin(uint32_t root);
void ept02_map_end(struct ept02_cursor *cursor);

static inline void ept02_entry_write(uint64_t *entry, uint64_t value) { __atomic_store_n(entry, value, __ATOMIC_RELEASE); }

// Whether CPUs that cached the old leaf could do what the new one doesn't let them, or reach another page.
static inline bool ept02_leaf_shrinks(uint64_t old, uint64_t new)
{
    return (old & EPT_PRESENT) && ((old & ~(uint64_t)EPT_PRESENT) != (new & ~(uint64_t)EPT_PRESENT) || (old & EPT_PRESENT & ~new));
}

// The operations, which can't fail; pages were reserved. What they unlink goes to work.
//   map: where EPT01 has the address, its rights and type are merged in and the leaf is as large as both allow (invariant I2); where it hasn't, the tag's
//   decoy page is mapped.
void ept02_create(uint32_t root, uint64_t tag, struct ept02_work *work);
void ept02_map(struct ept02_cursor *cursor, uint32_t a, gpa2_t from, gpa1_t to, struct ept02_work *work);
void ept02_map_leaf(struct ept02_cursor *cursor, uint64_t leaf, unsigned level, gpa2_t from, struct ept02_work *work);  // one that EPT01 allows
void ept02_map_run(uint32_t root, gpa2_t from, const uint64_t *entries, uint32_t count, struct ept02_work *work);
void ept02_unmap(uint32_t root, enum ept_level level, gpa2_t from, struct ept02_work *work);
void ept02_drop(uint32_t root, struct ept02_work *work);
//   expel: out of every tree but those of PALs go the mappings of these pages, which have been taken, and the decoys of all pages that have been, as some
//   may have been given back. With page NULL all mappings go, as EPT01's memory types have changed. Shoots down, for what the caller has changed in EPT01, too.
void ept02_expel(const gpa1_t *page, unsigned count);

// The leaf, where the tree shows a decoy for a page that has an owner (EPT_OWNER); 0: it doesn't. TAKEN_OPEN: takes writes where they may vanish, until
// TAKEN_CLOSE; the caller shoots down then. The decoy is ones again either way.
enum ept02_taken { TAKEN_LOOK, TAKEN_OPEN, TAKEN_CLOSE };
uint64_t ept02_taken(uint32_t root, gpa2_t address, enum ept02_taken what);

// Ends the work: shoots down where it is needed, frees what was unlinked, gives back what is left of the reservation.
void ept02_finish(struct ept02_work *work);

// The memory type that two types one behind the other make (SDM 3A 12.5.2.2 "Selecting Memory Types for Pentium III and More Recent").
static inline unsigned ept02_type(unsigned a, unsigned b)
{
    enum { UNCACHED = 0, WRITE_BACK = 6 };
    if (a == b || b == WRITE_BACK)
        return a;
    if (a == WRITE_BACK)
        return b;
    return UNCACHED;  // of two different restrictions none can be dropped
}

// Tables in use.
uint32_t ept02_pages_used(void);

// SPDX-License-Identifier: BSD-2-Clause
// Accessed and dirty flags of EPT12 (SDM 3C 29.3.5 "Accessed and Dirty Flags for EPT").
#include <rt/mark12.h>

#include <caps/ept_map.h>
#include <rt/guest.h>

#define TRIES 16u  // L1's other CPUs change the same entries: not for ever without meaning to

// Ors flags into the entry if it is still what was read. What EPT01 doesn't map takes no writes.
static bool set_flags(const struct walk12 *walk, gpa2_t address, uint64_t flags)
{
    uint64_t found = walk->entry;
    if ((walk->entry & flags) == flags)
        return true;
    return !guest_exchange64(entry12_address(walk->table, level12_index(address, walk->level)), walk->entry, walk->entry | flags, &found) ||
           found == walk->entry;
}

// The flags of all entries that lead to the leaf. false: an entry isn't what it was.
static bool mark_path(const struct ept12_cpu *cpu, uint64_t eptp12, gpa2_t address, const struct walk12 *leaf, bool write)
{
    for (unsigned level = WALK12_LEVELS - 1; level > leaf->level; level--) {
        const struct walk12 above = walk12(cpu, eptp12, address, level);
        if (above.kind != ENTRY12_TABLE || above.level != level || !set_flags(&above, address, ENTRY12_ACCESSED))
            return false;
    }
    return set_flags(leaf, address, ENTRY12_ACCESSED | (write ? ENTRY12_DIRTY : 0));
}

bool mark12(const struct ept12_cpu *cpu, uint64_t eptp12, gpa2_t address, bool write, struct walk12 *walk)
{
    const uint64_t want = ENTRY12_ACCESSED | (write ? ENTRY12_DIRTY : 0);

    for (unsigned tries = 0; tries < TRIES; tries++) {
        if (!(eptp12 & EPTP12_FLAGS) || walk->kind != ENTRY12_LEAF || (write && !(walk->rights & EPT_WRITE)))
            return true;
        if ((walk->entry & want) == want && !walk->unaccessed)
            return true;
        if (eptp12 & EPTP12_LOGS)
            return false;
        const bool same = mark_path(cpu, eptp12, address, walk, write);
        const struct walk12 before = *walk;
        *walk = walk12(cpu, eptp12, address, 0);
        // Memory that takes no writes can't be marked, ever; the access happens all the same.
        if (same && walk->entry == before.entry && walk->unaccessed == before.unaccessed) {
            walk->entry |= want;
            return true;
        }
    }
    return false;
}

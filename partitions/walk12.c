// SPDX-License-Identifier: BSD-2-Clause
// EPT12 as L1 wrote it: what an entry means, and the walk to an L2-physical address.
#include <rt/walk12.h>

#include <caps/ept_map.h>

#include <rt/guest.h>

#define ENTRY_TYPE(entry)  ((unsigned)((entry) >> 3) & 7)
#define ENTRY_PAGE         (1ull << 7)  // in a directory or directory-pointer table: a page, not a table

// IA32_VMX_EPT_VPID_CAP (SDM 3D A.10 "VPID and EPT Capabilities").
#define EPT_VPID_CAP          (0x48cu - VMX_MSR_FIRST)
#define EPT_CAP_EXECUTE_ONLY  (1ull << 0)
#define EPT_CAP_2M            (1ull << 16)
#define EPT_CAP_1G            (1ull << 17)

struct ept12_cpu ept12_cpu(const struct info *info)
{
    uint64_t capability = info->vmx_msr[EPT_VPID_CAP];
    unsigned bits = info->physical_bits < 52 ? info->physical_bits : 52;
    return (struct ept12_cpu){
        .reserved = WALK12_ADDRESS & ~((1ull << bits) - 1),
        .execute_only = capability & EPT_CAP_EXECUTE_ONLY,
        .pages_2m = capability & EPT_CAP_2M,
        .pages_1g = capability & EPT_CAP_1G,
    };
}

// Memory types 2, 3 and 7 are reserved.
static bool type_exists(unsigned type)
{
    return type == 0 || type == 1 || (type >= 4 && type <= 6);
}

enum entry12_kind entry12_kind(const struct ept12_cpu *cpu, uint64_t entry, unsigned level, unsigned mask)
{
    unsigned rights = (unsigned)entry & mask;
    if (!rights)
        return ENTRY12_NOT_PRESENT;
    if (level == 0 && entry12_is_plain(cpu, entry))
        return ENTRY12_LEAF;
    if (!(rights & EPT_READ) && ((rights & EPT_WRITE) || !cpu->execute_only))
        return ENTRY12_MISCONFIG;
    if (entry & cpu->reserved)
        return ENTRY12_MISCONFIG;
    bool leaf = level == 0 ||
        ((entry & ENTRY_PAGE) && ((level == 1 && cpu->pages_2m) || (level == 2 && cpu->pages_1g)));
    if (!leaf)
        return entry & ENTRY12_TABLE_ZERO ? ENTRY12_MISCONFIG : ENTRY12_TABLE;
    if (!type_exists(ENTRY_TYPE(entry)))
        return ENTRY12_MISCONFIG;
    // Address bits below the page's size are reserved.
    return entry & WALK12_ADDRESS & (level12_bytes(level) - 1) ? ENTRY12_MISCONFIG : ENTRY12_LEAF;
}

void entries12_read(gpa1_t table, unsigned first, unsigned count, uint64_t *entries)
{
    // Qword by qword: an entry is never half old, half new.
    if (guest_copy_in(entries, entry12_address(table, first), count * sizeof(*entries)))
        return;
    for (unsigned i = 0; i < count; i++)
        entries[i] = ~0ull;
}

static uint64_t entry_read(gpa1_t table, unsigned index)
{
    uint64_t entry;
    return guest_read64(entry12_address(table, index), &entry) ? entry : ~0ull;
}

void walk12_to(const struct ept12_cpu *cpu, uint64_t eptp12, gpa2_t address, unsigned last, struct walk12 *walk)
{
    const bool beyond = address.v >> 48;
    const unsigned mask = eptp12_rights(eptp12);
    walk->kind = ENTRY12_NOT_PRESENT;
    walk->level = WALK12_LEVELS - 1;
    walk->rights = 0;
    walk->rights_above = mask;
    walk->unaccessed = false;
    walk->table.v = eptp12 & WALK12_ADDRESS;
    walk->entry = 0;
    walk->path = (struct guest_path){ 0 };
    if (beyond)
        return;
    for (;;) {
        walk->entry = entry_read(walk->table, level12_index(address, walk->level));
        walk->kind = entry12_kind(cpu, walk->entry, walk->level, mask);
        walk->rights = walk->rights_above & (unsigned)walk->entry;
        if (walk->kind != ENTRY12_TABLE || walk->level == last)
            return;   // an entry of a page table is never a table: level 0 always ends here
        walk->path.entry[walk->level] = walk->entry;
        walk->rights_above = walk->rights;
        walk->unaccessed |= !(walk->entry & ENTRY12_ACCESSED);
        walk->table.v = walk->entry & WALK12_ADDRESS;
        walk->level--;
    }
}

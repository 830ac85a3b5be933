// SPDX-License-Identifier: BSD-2-Clause
// The page walk. One walker for all modes: they differ in the size of an entry, the levels, and the bits that are reserved. An L2's walk goes through
// EPT12 with each address (SDM 3C 29.3.2 "EPT Translation Mechanism").

#include <caps/ept_map.h>
#include <rt/guest.h>
#include <rt/info.h>
#include <rt/mark12.h>
#include <rt/walk.h>
#include <rt/walk12.h>

#define ENTRY_PRESENT  (1ull << 0)
#define ENTRY_WRITE    (1ull << 1)
#define ENTRY_USER     (1ull << 2)
#define ENTRY_ACCESSED (1ull << 5)
#define ENTRY_DIRTY    (1ull << 6)
#define ENTRY_LARGE    (1ull << 7)
#define ENTRY_NX       (1ull << 63)
#define ENTRY_ADDRESS  0x000ffffffffff000ull

// Page-fault error code (SDM 3A 4.7 "Page-Fault Exceptions").
#define PF_PRESENT  (1u << 0)
#define PF_WRITE    (1u << 1)
#define PF_USER     (1u << 2)
#define PF_RESERVED (1u << 3)
#define PF_FETCH    (1u << 4)

#define LEVELS_MAX 4
#define TRIES_MAX  16  // another CPU changes the same entries: it can't do so for ever without meaning to

struct level { uint64_t place, entry; };  // place: as the table above names it
struct trace { struct level level[LEVELS_MAX]; unsigned levels; unsigned shift; bool user_page; };

// Bits 2:0 of the exit qualification: a fetch is a fetch, whatever right it needs.
static uint32_t access12(unsigned rights) { return (rights & EPT_RIGHTS) | (rights & EPT_EXECUTE_USER ? EPT_EXECUTE : 0); }

static bool grants(const struct walk12 *walk, unsigned rights) { return walk->kind == ENTRY12_LEAF && !(rights & ~walk->rights); }

// What EPT12 makes of an L2-physical address. *error: WALK_EPT12.
static __attribute__((noinline)) enum walk through_ept12(const struct paging *paging, uint64_t address, unsigned rights, gpa1_t *out, uint32_t *error)
{
    const struct ept12_cpu cpu = ept12_cpu(info);
    const gpa2_t from = { address };
    struct walk12 walk = walk12(&cpu, paging->eptp12, from, 0);
    bool allowed = grants(&walk, rights);
    if (allowed) {
        if (!mark12(&cpu, paging->eptp12, from, rights & EPT_WRITE, &walk)) {
            if (!(paging->eptp12 & EPTP12_LOGS))
                return WALK_UNMAPPED;
            out->v = address;
            *error = access12(rights) | WALK_EPT12_LOG;
            return WALK_EPT12;
        }
        allowed = grants(&walk, rights);
    }
    out->v = allowed ? leaf12_page(walk.entry, walk.level).v + (address & (level12_bytes(walk.level) - 1)) : address;
    if (!allowed)
        *error = access12(rights) | rights12_qualification(walk.rights) | (walk.kind == ENTRY12_MISCONFIG ? WALK_EPT12_MISCONFIG : 0);
    return allowed ? WALK_OK : WALK_EPT12;
}

static inline enum walk to_l1(const struct paging *paging, uint64_t address, unsigned rights, gpa1_t *out, uint32_t *error)
{
    if (__builtin_expect(paging->eptp12 != 0, 0))
        return through_ept12(paging, address, rights, out, error);
    out->v = address;
    return WALK_OK;
}

// A table's entry. With flags in EPT12 a page walk's read is a write to it (SDM 3C 29.3.5 "Accessed and Dirty Flags for EPT").
static enum walk entry_read(const struct paging *paging, uint64_t place, uint64_t *entry, gpa1_t *out, uint32_t *error)
{
    uint32_t narrow = 0;
    const enum walk walk = to_l1(paging, place, EPT_READ | (paging->eptp12 & EPTP12_FLAGS ? EPT_WRITE : 0), out, error);
    if (walk != WALK_OK)
        return walk;
    if (paging->mode != PAGING_32)
        return guest_read64(*out, entry) ? WALK_OK : WALK_UNMAPPED;
    if (!guest_read32(*out, &narrow))
        return WALK_UNMAPPED;
    *entry = narrow;
    return WALK_OK;
}

// Ors bits into the entry if it is still what was read.
static enum walk entry_mark(const struct paging *paging, const struct level *level, uint64_t bits, bool *same, gpa1_t *out, uint32_t *error)
{
    const enum walk walk = to_l1(paging, level->place, EPT_READ | EPT_WRITE, out, error);
    if (walk != WALK_OK)
        return walk;
    if (paging->mode == PAGING_32) {
        uint32_t found = 0;
        if (!guest_exchange32(*out, (uint32_t)level->entry, (uint32_t)(level->entry | bits), &found))
            return WALK_UNMAPPED;
        *same = found == level->entry;
        return WALK_OK;
    }
    uint64_t found = 0;
    if (!guest_exchange64(*out, level->entry, level->entry | bits, &found))
        return WALK_UNMAPPED;
    *same = found == level->entry;
    return WALK_OK;
}

// Bits that must be 0 in a present entry of that level: shift is how many bits of the address it leaves.
static uint64_t entry_reserved(const struct paging *paging, unsigned shift, uint64_t entry)
{
    const uint64_t beyond = ENTRY_ADDRESS & ~((1ull << info->physical_bits) - 1);
    if (paging->mode == PAGING_32) {  // PSE-36: bits 20:13 are address bits 39:32, as many as there are (SDM 3A 4.3 "32-Bit Paging")
        const unsigned bits = info->physical_bits < 40 ? info->physical_bits : 40;
        return shift == 22 && (entry & ENTRY_LARGE) && paging->large_32 ? (1ull << 22) - (1ull << (bits - 19)) : 0;
    }
    uint64_t reserved = beyond | (paging->no_execute ? 0 : ENTRY_NX);
    if (paging->mode == PAGING_PAE)
        reserved |= 0x7ff0000000000000ull;  // SDM 3A 4.4.2: bits 62:MAXPHYADDR
    if (shift == 39)
        reserved |= ENTRY_LARGE;
    else if (shift > 12 && (entry & ENTRY_LARGE))
        reserved |= ((1ull << shift) - 1) & ENTRY_ADDRESS & ~0x1000ull;  // but PAT
    return reserved;
}

static bool entry_is_leaf(const struct paging *paging, unsigned shift, uint64_t entry)
{
    return shift == 12 || ((entry & ENTRY_LARGE) && (paging->mode != PAGING_32 || paging->large_32));
}

static uint64_t leaf_address(const struct paging *paging, const struct trace *trace, uint64_t linear)
{
    const uint64_t entry = trace->level[trace->levels - 1].entry, offset = (1ull << trace->shift) - 1;
    if (paging->mode == PAGING_32 && trace->shift == 22)
        return ((entry >> 13) & 0xff) << 32 | (entry & 0xffc00000) | (linear & offset);
    return (entry & ENTRY_ADDRESS & ~offset) | (linear & offset);
}

// Rights of all levels together (SDM 3A 4.6.1 "Determination of Access Rights").
static bool allowed(const struct paging *paging, unsigned access, bool user_page, bool writable, bool executable)
{
    const bool user = paging->user && !(access & ACCESS_SYSTEM);
    if (user)
        return user_page && (!(access & ACCESS_WRITE) || writable) && (!(access & ACCESS_EXECUTE) || executable);
    if (access & ACCESS_EXECUTE)
        return executable && !(user_page && paging->smep);
    if (user_page && paging->smap && ((access & ACCESS_SYSTEM) || !paging->alignment_check))
        return false;
    return !(access & ACCESS_WRITE) || writable || !paging->write_protect;
}

// What EPT12 has to grant. Where it tells modes apart the address' mode counts, not the privilege level; without paging each is a user-mode address.
static unsigned rights12(const struct paging *paging, unsigned access, bool user_page)
{
    const unsigned execute = user_page && (paging->eptp12 & EPTP12_MODES) ? EPT_EXECUTE_USER : EPT_EXECUTE;
    return EPT_READ | (access & ACCESS_WRITE ? EPT_WRITE : 0) | (access & ACCESS_EXECUTE ? execute : 0);
}

// Reads the entries down to the leaf.
static enum walk descend(const struct paging *paging, uint64_t linear, unsigned access, struct trace *trace, gpa1_t *out, uint32_t *pf_error)
{
    const bool is_32 = paging->mode == PAGING_32;
    const unsigned index_bits = is_32 ? 10 : 9, entry_bytes = is_32 ? 4 : 8;
    bool user_page = true, writable = true, executable = true;
    uint64_t table;
    unsigned shift;

    *pf_error = (access & ACCESS_WRITE ? PF_WRITE : 0) | (paging->user && !(access & ACCESS_SYSTEM) ? PF_USER : 0) |
                ((access & ACCESS_EXECUTE) && (paging->no_execute || paging->smep) ? PF_FETCH : 0);
    if (is_32) {
        table = paging->cr3 & 0xfffff000;
        shift = 22;
    } else if (paging->mode == PAGING_4_LEVEL) {
        table = paging->cr3 & ENTRY_ADDRESS;
        shift = 39;
    } else {
        // PDPTEs carry no rights and no accessed flag; they aren't part of the trace (SDM 3A 4.4.1 "PDPTE Registers").
        const unsigned index = (unsigned)(linear >> 30) & 3;
        uint64_t pdpte = paging->pdpte[index];
        const enum walk walk = paging->pdpte_known ? WALK_OK : entry_read(paging, (paging->cr3 & 0xffffffe0) + index * 8, &pdpte, out, pf_error);
        if (walk != WALK_OK)
            return walk;
        if (!(pdpte & ENTRY_PRESENT))
            return WALK_FAULT;
        table = pdpte & ENTRY_ADDRESS;
        shift = 21;
    }

    trace->levels = 0;
    for (;; shift -= index_bits) {
        struct level *level = &trace->level[trace->levels++];
        level->place = table + ((linear >> shift) & ((1u << index_bits) - 1)) * entry_bytes;
        const enum walk walk = entry_read(paging, level->place, &level->entry, out, pf_error);
        if (walk != WALK_OK)
            return walk;
        const uint64_t entry = level->entry;
        if (!(entry & ENTRY_PRESENT))
            return WALK_FAULT;
        if (entry & entry_reserved(paging, shift, entry)) {
            *pf_error |= PF_PRESENT | PF_RESERVED;
            return WALK_FAULT;
        }
        user_page = user_page && (entry & ENTRY_USER);
        writable = writable && (entry & ENTRY_WRITE);
        executable = executable && !(paging->no_execute && (entry & ENTRY_NX));
        if (entry_is_leaf(paging, shift, entry))
            break;
        table = entry & ENTRY_ADDRESS;
    }
    trace->shift = shift;
    trace->user_page = user_page;
    if (!allowed(paging, access, user_page, writable, executable)) {
        *pf_error |= PF_PRESENT;
        return WALK_FAULT;
    }
    return WALK_OK;
}

// Sets the flags that are missing. *again: an entry is no longer what was read.
static enum walk mark(const struct paging *paging, const struct trace *trace, bool write, bool *again, gpa1_t *out, uint32_t *error)
{
    *again = false;
    for (unsigned i = 0; i < trace->levels; i++) {
        const struct level *level = &trace->level[i];
        const bool leaf = i == trace->levels - 1;
        const uint64_t want = ENTRY_ACCESSED | (leaf && write ? ENTRY_DIRTY : 0);
        bool same = true;
        const enum walk walk = (level->entry & want) == want ? WALK_OK : entry_mark(paging, level, want, &same, out, error);
        if (walk != WALK_OK)
            return walk;
        if (!same) {
            *again = true;
            return WALK_OK;
        }
    }
    return WALK_OK;
}

bool walk_supervisor(uint64_t cr3, bool no_execute, gva_t linear, unsigned access, struct guest_path *path, gpa1_t *out)
{
    const uint64_t reserved = (ENTRY_ADDRESS & ~((1ull << info->physical_bits) - 1)) | (no_execute ? 0 : ENTRY_NX);
    const uint64_t want = ENTRY_PRESENT | ENTRY_ACCESSED | (access & ACCESS_WRITE ? ENTRY_WRITE : 0);

    if ((uint64_t)((int64_t)(linear.v << 16) >> 16) != linear.v || !guest_walk((gpa1_t){ cr3 & ENTRY_ADDRESS }, linear.v, path))
        return false;
    const uint64_t offset = (PAGE_BYTES << (9 * path->level)) - 1, entry = path->entry[path->level], all = path->all & entry;
    if ((all & (want | ENTRY_USER)) != want || ((path->any | entry) & reserved) || path->level == 3 || (entry & ENTRY_ADDRESS & offset & ~0x1fffull) ||
        ((access & ACCESS_WRITE) && !(entry & ENTRY_DIRTY)))
        return false;
    out->v = (entry & ENTRY_ADDRESS & ~offset) | (linear.v & offset);
    return true;
}

enum walk walk_linear(const struct paging *paging, gva_t linear, unsigned access, gpa1_t *out, uint32_t *pf_error)
{
    uint64_t address = linear.v;
    struct guest_path path;
    struct trace trace;

    *pf_error = 0;
    if (paging->mode == PAGING_4_LEVEL && paging->long_code && !paging->user && paging->eptp12 == 0 && !(access & ACCESS_EXECUTE) &&
        walk_supervisor(paging->cr3, paging->no_execute, linear, access, &path, out))
        return WALK_OK;
    if (paging->mode == PAGING_5_LEVEL)
        return WALK_UNSUPPORTED;
    if (!paging->long_code)
        address &= 0xffffffff;
    else if ((uint64_t)((int64_t)(address << 16) >> 16) != address)
        return WALK_NON_CANONICAL;
    if (paging->mode == PAGING_NONE)
        return to_l1(paging, address, rights12(paging, access, true), out, pf_error);
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        bool again = false;
        enum walk walk = descend(paging, address, access, &trace, out, pf_error);
        if (walk == WALK_OK)
            walk = mark(paging, &trace, access & ACCESS_WRITE, &again, out, pf_error);
        if (walk != WALK_OK)
            return walk;
        if (!again)
            return to_l1(paging, leaf_address(paging, &trace, address), rights12(paging, access, trace.user_page), out, pf_error);
    }
    return WALK_UNMAPPED;
}

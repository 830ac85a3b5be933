// SPDX-License-Identifier: BSD-2-Clause
#include "pal.h"

#include <caps/ept_map.h>
#include <rt/owned.h>
#include <rt/state.h>
#include <rt/string.h>
#include <rt/walk12.h>

#define ADDRESS_BITS 0x000ffffffffff000ull

STATE struct pal pal_table[PAL_MAX];
STATE uint64_t pal_frame[PAL_MAX][PAL_PAGES_MAX];
STATE uint64_t pal_tables[PAL_MAX][PAL_TABLES][PAGE_BYTES / 8] __attribute__((aligned(4096)));
STATE uint8_t pal_vectors[PAL_MAX][2][PAL_VECTORS] __attribute__((aligned(64)));

_Static_assert(CPU_MAX <= UINT16_MAX, "place.as.cpu has room");

// The word but for its count.
#define HALF 0xffffffffull
static uint32_t half(enum pal_state state, uint32_t cpu) { return (uint32_t)state | cpu << 16; }

static bool exchange(struct pal *pal, union pal_place old, enum pal_state to, uint32_t cpu)
{
    const uint64_t new = (old.word | HALF) + 1 + half(to, cpu);  // one change more
    return __atomic_compare_exchange_n(&pal->place.word, &old.word, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

bool pal_take(struct pal *pal, union pal_place seen, enum pal_state from, enum pal_state to, uint32_t cpu)
{
    return seen.as.state == (uint32_t)from && exchange(pal, seen, to, cpu);
}

bool pal_change(struct pal *pal, enum pal_state from, enum pal_state to, uint32_t cpu) { return pal_take(pal, pal_place(pal), from, to, cpu); }

bool pal_release(struct pal *pal, uint32_t cpu, enum pal_state from, enum pal_state to)
{
    const union pal_place now = pal_place(pal);
    return (uint32_t)now.word == half(from, cpu) && exchange(pal, now, to, cpu);
}

uint64_t pal_space(const struct paging *paging)
{
    return paging->mode == PAGING_PAE ? paging->cr3 & 0xffffffe0ull : paging->cr3 & ADDRESS_BITS;
}

static bool same_program(const struct pal *pal, const struct caller *caller)
{
    const struct paging *paging = &caller->paging;
    return pal->handle == caller->handle && ((pal->paging.eptp12 ^ paging->eptp12) & ADDRESS_BITS) == 0 && pal->space == pal_space(paging) &&
           pal->word == caller->word && pal->paging.mode == paging->mode;
}

struct pal *pal_find(const struct caller *caller, uint64_t entry, union pal_place *seen)
{
    for (struct pal *pal = pal_table; pal < &pal_table[PAL_MAX]; pal++) {
        *seen = pal_place(pal);
        if (seen->as.state >= PAL_IDLE && pal->entry == entry && same_program(pal, caller))
            return pal;
    }
    return NULL;
}

struct pal *pal_of_frame(gpa1_t frame, uint32_t *page, union pal_place *seen)
{
    for (struct pal *pal = pal_table; pal < &pal_table[PAL_MAX]; pal++) {
        *seen = pal_place(pal);
        if (seen->as.state == PAL_FREE)
            continue;
        const uint64_t *list = pal_frame[pal_number(pal)];
        for (*page = 0; *page < pal->taken; ++*page)
            if (list[*page] == frame.v)
                return pal;
    }
    return NULL;
}

uint32_t pal_page_at(const struct pal *pal, uint64_t address, bool *writable)
{
    for (uint32_t i = 0; i < pal->section_count; i++) {
        const struct pal_section *section = &pal->section[i];
        const uint64_t page = (address - section->start) / PAGE_BYTES;
        if (address >= section->start && page < section->pages) {
            *writable = section_rights(section->type) & EPT_WRITE;
            return section->first + (uint32_t)page;
        }
    }
    return PAL_PAGES_MAX;
}

bool pal_mapped(const struct pal *pal, uint32_t page)
{
    struct paging paging = pal->paging;
    gpa1_t frame = { 0 };
    uint32_t error;
    paging.eptp12 &= ~(EPTP12_FLAGS | EPTP12_LOGS);  // nobody accesses it: flags that an access would set don't matter, and stay
    for (uint32_t i = 0; i < pal->section_count; i++) {
        const struct pal_section *section = &pal->section[i];
        const gva_t address = { section->start + (uint64_t)(page - section->first) * PAGE_BYTES };
        if (page - section->first < section->pages)
            return walk_linear(&paging, address, ACCESS_READ, &frame, &error) == WALK_OK && frame.v == pal_frame[pal_number(pal)][page];
    }
    return false;
}

bool pal_all_mapped(const struct pal *pal)
{
    uint32_t page = 0;
    while (page < pal->page_count && pal_mapped(pal, page))
        page++;
    return page == pal->page_count;
}

void *pal_page(const struct pal *pal, uint32_t page)
{
    return page >= PAL_COPY ? pal_tables[pal_number(pal)][page - PAL_COPY] : owned_at((gpa1_t){ pal_frame[pal_number(pal)][page] });
}

static bool copy(const struct pal *pal, uint64_t address, uint8_t *other, uint32_t bytes, bool write)
{
    while (bytes > 0) {
        bool writable = false;
        const uint32_t page = pal_page_at(pal, address, &writable), offset = (uint32_t)(address % PAGE_BYTES);
        const uint32_t piece = bytes < PAGE_BYTES - offset ? bytes : (uint32_t)PAGE_BYTES - offset;
        if (page == PAL_PAGES_MAX || (write && !writable))
            return false;
        uint8_t *inside = (uint8_t *)pal_page(pal, page) + offset;
        if (write)
            memcpy(inside, other, piece);
        else
            memcpy(other, inside, piece);
        address += piece;
        other += piece;
        bytes -= piece;
    }
    return true;
}

bool pal_read(const struct pal *pal, uint64_t address, void *to, uint32_t bytes) { return copy(pal, address, to, bytes, false); }

bool pal_write(const struct pal *pal, uint64_t address, const void *from, uint32_t bytes)
{
    return copy(pal, address, (uint8_t *)(uintptr_t)from, bytes, true);
}

unsigned section_rights(uint32_t type)
{
    switch (type) {
    case TV_SECTION_CODE: case TV_SECTION_SHARED_CODE: return EPT_READ | EPT_EXECUTE;
    case TV_SECTION_DATA: case TV_SECTION_PARAM: case TV_SECTION_STACK: case SECTION_SHARED: return EPT_READ | EPT_WRITE;
    default: return 0;
    }
}

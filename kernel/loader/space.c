// SPDX-License-Identifier: BSD-2-Clause
// Builds the partitions' address spaces. Nothing in them is both writable and executable, and no page is there twice (invariant I5).
#include "space.h"

#include <caps/layout.h>
#include <caps/loadable.h>
#include <caps/ring.h>

#include "msr.h"
#include "pagetable.h"

#define ROOT_ENTRY  (1ull << 39)   // bytes that one entry of a top-level table stands for
#define TABLE_USER  0x27ull        // present, writable, for ring 3, accessed
#define TABLE_READ  0x25ull
#define TABLE_NX    (1ull << 63)

struct place { struct memory *memory; struct pagetable *tables; };

static uint64_t *root_of(uint64_t table) { return (uint64_t *)(uintptr_t)table; }

// Tables are taken from hidden memory as pages are.
static bool map(struct place place, uint64_t va, uint64_t page, uint64_t bytes, unsigned rights)
{
    place.tables->next_page = place.memory->base + place.memory->used;
    place.tables->end = place.memory->base + place.memory->bytes - place.memory->top;
    bool done = pagetable_map(place.tables, va, page, bytes, rights);
    place.memory->used = place.tables->next_page - place.memory->base;
    return done;
}

// Maps fresh pages. Returns the first one, 0: not enough memory.
static uint64_t map_fresh(struct place place, uint64_t va, uint64_t bytes, unsigned rights)
{
    bytes = (bytes + PAGE_BYTES - 1) & PAGE_MASK;
    uint64_t page = memory_take(place.memory, bytes);
    return page && map(place, va, page, bytes, rights) ? page : 0;
}

static bool start(struct place place)
{
    place.tables->root = memory_take(place.memory, PAGE_BYTES);
    return place.tables->root != 0;
}

static bool map_range(struct place place, const struct boot_range *range)
{
    uint64_t base = (range->base + PAGE_BYTES - 1) & PAGE_MASK, end = (range->base + range->bytes) & PAGE_MASK;
    if (end > WINDOW_BYTES)
        end = WINDOW_BYTES;
    if (range->kind != RANGE_RAM || end <= base)
        return true;
    uint64_t hidden = place.memory->base, hidden_end = hidden + place.memory->bytes;  // a reserved range, if the firmware does as it was told
    uint64_t stop = end < hidden ? end : hidden, from = base > hidden_end ? base : hidden_end;
    return (stop <= base || map(place, WINDOW_BASE + base, base, stop - base, PAGE_WRITE)) &&
           (end <= from || map(place, WINDOW_BASE + from, from, end - from, PAGE_WRITE));
}

bool window_make(struct boot_info *info, struct memory *memory)
{
    struct pagetable tables = { .no_execute = true, .user = true };
    struct place place = { memory, &tables };
    bool done = start(place);
    for (uint32_t i = 0; done && i < info->range_count; i++)
        done = map_range(place, &info->range[i]);
    info->window_tables = tables.root;
    return done;
}

static bool map_segments(struct place place, struct boot_partition *image)
{
    struct space *space = &image->space;
    uint64_t state_bytes = image->header.state_bytes;
    if (state_bytes > 0 && !(space->state.v = map_fresh(place, STATE_BASE, state_bytes, PAGE_WRITE)))
        return false;
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct boot_segment *segment = &image->segment[i];
        unsigned rights = (segment->rights & BOOT_WRITE ? PAGE_WRITE : 0u) | (segment->rights & BOOT_EXECUTE ? PAGE_EXECUTE : 0u);
        uint64_t page = segment->state ? space->state.v + (segment->va - STATE_BASE) : map_fresh(place, segment->va, segment->pages * PAGE_BYTES, rights);
        if (!page)
            return false;
        space->segment[i].v = page;
        memory_copy((void *)(uintptr_t)(page + segment->va_offset), (const void *)(uintptr_t)(image->base + segment->file_offset), segment->file_bytes);
    }
    return true;
}

static bool map_info(struct place place, const struct boot_info *info, uint32_t partition)
{
    struct info *page = (struct info *)(uintptr_t)map_fresh(place, INFO_BASE, sizeof(*page), 0);
    if (!page)
        return false;
    const struct boot_partition *image = &info->partition[partition];
    *page = info->info;
    page->partition = partition;
    page->canary = tsc_read() * 0x9e3779b97f4a7c15ull & ~0xffull;
    page->state = image->header.rights & RIGHT_PAL ? image->space.state.v : 0;
    if (image->header.rights & RIGHT_LOAD)
        *(struct loadables *)((uint8_t *)page + (LOADABLES_AT - INFO_BASE)) = info->loadables;
    return true;
}

static bool map_cpus(struct place place, struct space *space, uint32_t cpu_count)
{
    const uint64_t requests = RING_SLOTS * PAGE_BYTES;
    space->channels.v = memory_take(place.memory, cpu_count * sizeof(struct channel));
    for (uint32_t i = 0; space->channels.v && i < cpu_count; i++) {
        uint64_t va = CHANNEL_BASE + i * CHANNEL_STRIDE, page = space->channels.v + i * sizeof(struct channel);
        if (!map(place, va, page, requests, 0) || !map(place, va + requests, page + requests, sizeof(struct channel) - requests, PAGE_WRITE) ||
            !map_fresh(place, STACK_BASE + (i + 1ull) * STACK_STRIDE - STACK_BYTES, STACK_BYTES, PAGE_WRITE))
            return false;
    }
    return space->channels.v != 0;
}
_Static_assert(sizeof(struct info) <= LOADABLES_AT - INFO_BASE, "both in one page");
_Static_assert(offsetof(struct channel, reply) == RING_SLOTS * PAGE_BYTES, "the read-only pages of a channel come first");
_Static_assert(STACK_BYTES < STACK_STRIDE, "a guard page below each stack");

// Read-only, and nothing but the records' own pages.
static bool map_records(struct place place, const struct boot_info *info)
{
    const uint64_t own = sizeof(struct records_own);
    const struct records_machine *machine = (const struct records_machine *)(uintptr_t)info->records;
    bool done = map(place, RECORDS_BASE, info->records, own, 0) &&
                map(place, RECORDS_BASE + own, info->crash_base, sizeof(struct records) - own, 0);
    for (uint32_t i = 0; done && i < info->cpu_count; i++)
        done = map(place, RECORDS_CPU_BASE(i), machine->cpu_base[i], sizeof(struct records_cpu), 0);
    return done;
}

// The window's tables below the top are everybody's; by right the top lets write.
static void share_window(uint64_t *root, const uint64_t *window, bool writable)
{
    for (uint64_t i = WINDOW_BASE / ROOT_ENTRY; i < (WINDOW_BASE + WINDOW_BYTES) / ROOT_ENTRY; i++)
        if (window[i])
            root[i] = (window[i] & ~TABLE_USER) | (writable ? TABLE_USER : TABLE_READ) | TABLE_NX;
}

bool space_make(struct boot_info *info, struct memory *memory, uint32_t partition)
{
    struct boot_partition *image = &info->partition[partition];
    struct pagetable tables = { .no_execute = true, .user = true, .small = true };
    struct place place = { memory, &tables };
    if (!start(place) || !map_segments(place, image) || !map_info(place, info, partition) || !map_cpus(place, &image->space, info->cpu_count) ||
        (image->header.rights & RIGHT_RECORDS && !map_records(place, info)))
        return false;
    image->space.root.v = tables.root;
    uint64_t *root = root_of(tables.root);
    memory_copy(root + 256, root_of(info->kernel_tables) + 256, 256 * sizeof(*root));  // the kernel's half
    if (image->header.rights & (RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE))
        share_window(root, root_of(info->window_tables), image->header.rights & RIGHT_WINDOW_WRITE);
    return true;
}

bool space_show(const struct boot_info *info, struct memory *memory, uint32_t debugged, uint32_t debugger)
{
    static const struct { uint64_t base, bytes; } own[] = {
        { IMAGE_BASE, IMAGE_MAX_BYTES }, { STATE_BASE, STATE_MAX_BYTES }, { INFO_BASE, PAGE_BYTES },
        { CHANNEL_BASE, CPU_MAX * CHANNEL_STRIDE }, { STACK_BASE, CPU_MAX * STACK_STRIDE },
    };
    const struct pagetable from = { .root = info->partition[debugged].space.root.v };
    struct pagetable tables = { .root = info->partition[debugger].space.root.v, .no_execute = true, .user = true, .small = true };
    bool done = true;
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        for (uint64_t va = own[i].base; done && va < own[i].base + own[i].bytes; va += PAGE_BYTES) {
            uint64_t page;
            unsigned rights;
            if (pagetable_walk(&from, va, &page, &rights))
                done = map((struct place){ memory, &tables }, WINDOW_BASE + va, page, PAGE_BYTES, rights ? PAGE_WRITE : 0);
        }
    }
    return done;
}

// Nothing of a PAL travels with its messages.
static bool is_open(const struct partition_header *header)
{
    bool open = !(header->rights & (RIGHT_SECRETS | RIGHT_PAL));
    for (unsigned i = 0; i < header->route_count; i++)
        open = open && (header->routes[i].kind == ROUTE_NONE || header->routes[i].origin != ORIGIN_PAL);
    return open;
}

static bool map_rings(struct place place, const struct boot_info *info, const struct records_machine *machine)
{
    bool done = true;
    for (uint32_t i = 0; i < info->partition_count; i++)
        for (uint32_t cpu = 0; done && machine->channels[i] != 0 && cpu < info->cpu_count; cpu++)
            done = map(place, RECORDS_RING_BASE(info->cpu_count, i, cpu), machine->channels[i] + cpu * sizeof(struct channel), RECORDS_RING_BYTES, 0);
    return done;
}
_Static_assert(offsetof(struct channel, request) == 0, "requests come first");

bool space_show_rings(const struct boot_info *info, struct memory *memory)
{
    struct records_machine *machine = (struct records_machine *)(uintptr_t)info->records;
    bool done = true;
    for (uint32_t i = 0; i < info->partition_count; i++)
        machine->channels[i] = is_open(&info->partition[i].header) ? info->partition[i].space.channels.v : 0;
    for (uint32_t i = 0; done && i < info->partition_count; i++) {
        struct pagetable tables = { .root = info->partition[i].space.root.v, .no_execute = true, .user = true, .small = true };
        if (info->partition[i].header.rights & RIGHT_RECORDS)
            done = map_rings((struct place){ memory, &tables }, info, machine);
    }
    return done;
}

// SPDX-License-Identifier: BSD-2-Clause
// Proof: a partition's address space, for any image and header that the loader has let through, maps pages of its own alone, each of them
// once; nothing in it is both writable and executable; requests and the info page are read-only; below each stack and behind it nothing is
// mapped; the records and the window are there only by right, and the window writable only by another; a segment gets its bytes of the file (I5). The entries
// themselves: proofs pagetable_map, pagetable_pages.
// CBMC: unwind=3 replace=map:contract_map,memory_take:contract_take,memory_copy:contract_copy,share_window:contract_share,map_info:contract_info
#include "proof.h"

// Of the boot information no more than is looked at.
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 2
#undef PARTITION_MAX
#define PARTITION_MAX 1
#include "../../kernel/loader/space.c"

// Bounds: what is done for one of several segments and CPUs doesn't depend on how many there are.
#define SEGMENTS 2
#define CPUS     2

static uint64_t block, block_end;  // what hidden memory has given out last: mapped so far up to block
static uint64_t one_va;            // any page: mapped how often, and how
static unsigned va_times, copies;
static unsigned va_rights;
static uint64_t state_bytes, root;
static bool kernel_half, window, window_writable;
static struct boot_info info;
static struct records_machine own;
static struct memory memory;
static struct boot_partition *const image = &info.partition[0];

uint64_t contract_take(struct memory *from, uint64_t bytes)
{
    PROVE(from == &memory && bytes > 0 && bytes <= IMAGE_MAX_BYTES, "a size that makes sense");
    uint64_t place = any_u64() & PAGE_MASK;
    ASSUME(place > 0 && place < 1ull << 46 && place - root > IMAGE_MAX_BYTES && root - place > IMAGE_MAX_BYTES);
    block = place;
    block_end = block + ((bytes + PAGE_BYTES - 1) & PAGE_MASK);
    if (any_bool())
        return 0;
    if (root == 0)
        root = block;
    return block;
}

// Where a partition has anything (caps/layout.h), the window apart.
static bool in_region(uint64_t va, uint64_t bytes, uint64_t base, uint64_t size) { return va >= base && va - base <= size && bytes <= size - (va - base); }

bool contract_map(struct place place, uint64_t va, uint64_t first, uint64_t bytes, unsigned rights)
{
    PROVE(place.memory == &memory && place.tables->root == root && place.tables->user && place.tables->small && place.tables->no_execute && !place.tables->kernel,
          "this partition's tables");
    PROVE(va % PAGE_BYTES == 0 && bytes % PAGE_BYTES == 0, "whole pages");
    PROVE((rights & ~(PAGE_WRITE | PAGE_EXECUTE)) == 0 && rights != (PAGE_WRITE | PAGE_EXECUTE), "writable or executable, not both");
    if (va >= RECORDS_BASE) {
        bool cpus = va >= RECORDS_CPU_BASE(0), crash = !cpus && va > RECORDS_BASE;
        unsigned cpu = va >= RECORDS_CPU_BASE(1);
        PROVE(image->header.rights & RIGHT_RECORDS, "the records are a right");
        PROVE(rights == 0, "to read them");
        PROVE(cpus ? va == (cpu ? RECORDS_CPU_BASE(1) : RECORDS_CPU_BASE(0)) && first == own.cpu_base[cpu] && bytes == sizeof(struct records_cpu)
              : crash ? va == RECORDS_BASE + sizeof(struct records_own) && first == info.crash_base &&
                        bytes == sizeof(struct records) - sizeof(struct records_own)
                      : first == info.records && bytes == sizeof(struct records_own), "their own pages, and no others of the kernel's");
        return any_bool();
    }
    PROVE(in_region(va, bytes, IMAGE_BASE, IMAGE_MAX_BYTES) || in_region(va, bytes, STATE_BASE, STATE_MAX_BYTES) ||
          in_region(va, bytes, INFO_BASE, PAGE_BYTES) || in_region(va, bytes, CHANNEL_BASE, CPUS * CHANNEL_STRIDE) ||
          in_region(va, bytes, STACK_BASE, CPUS * STACK_STRIDE), "in the partition's own regions");
    if (rights & PAGE_EXECUTE)
        PROVE(in_region(va, bytes, IMAGE_BASE, IMAGE_MAX_BYTES), "only the image is executable");
    uint64_t second = va >= CHANNEL_BASE + CHANNEL_STRIDE, offset = va % CHANNEL_STRIDE;  // of the CPUs' channels
    if (in_region(va, bytes, CHANNEL_BASE, CPUS * CHANNEL_STRIDE))
        PROVE(first == image->space.channels.v + (second ? sizeof(struct channel) : 0) + offset && bytes <= sizeof(struct channel) - offset,
              "a channel of its CPU's own");
    else
        PROVE(first == block && bytes <= block_end - first, "pages that have just been given out, each once: no tables, nobody else's");
    if (va == STATE_BASE)
        state_bytes = bytes;
    if (one_va - va < bytes) {
        va_times++;
        va_rights = rights;
    }
    return any_bool();
}

// Proof space_info.
bool contract_info(struct place place, const struct boot_info *from, uint32_t partition)
{
    PROVE(from == &info && partition == 0, "this partition's info page");
    uint64_t fresh = contract_take(place.memory, PAGE_BYTES);
    return fresh && contract_map(place, INFO_BASE, fresh, PAGE_BYTES, 0);
}

void contract_copy(void *to, const void *from, size_t bytes)
{
    if ((uintptr_t)to == root + 256 * sizeof(uint64_t)) {
        PROVE((uintptr_t)from == info.kernel_tables + 256 * sizeof(uint64_t) && bytes == 256 * sizeof(uint64_t), "the kernel's half comes into the top-level table");
        kernel_half = true;
        return;
    }
    const struct boot_segment *one = &image->segment[copies];
    PROVE(copies < image->segment_count && (uintptr_t)to == image->space.segment[copies].v + one->va_offset, "a segment's bytes, at their place");
    PROVE((uintptr_t)from == image->base + one->file_offset && bytes == one->file_bytes, "from the file");
    copies++;
}

void contract_share(uint64_t *top, const uint64_t *from, bool writable)
{
    PROVE((uintptr_t)top == root && (uintptr_t)from == info.window_tables, "the window comes into the top-level table");
    window = true;
    window_writable = writable;
}

// What proof elf_segment shows of segments, and read_header() demands of the state region.
static bool fits(const struct boot_segment *one)
{
    uint64_t low = one->state ? STATE_BASE : IMAGE_BASE, size = one->state ? (image->header.state_bytes + PAGE_BYTES - 1) & PAGE_MASK : IMAGE_MAX_BYTES;
    return one->va % PAGE_BYTES == 0 && one->pages > 0 && one->pages <= size / PAGE_BYTES && one->va >= low &&
           one->va - low <= size - one->pages * PAGE_BYTES && one->va_offset < PAGE_BYTES && one->file_offset < 1ull << 46 &&
           !((one->rights & BOOT_WRITE) && (one->rights & BOOT_EXECUTE));
}

int main(void)
{
    image->header.rights = any_u32();
    image->header.state_bytes = any_u64();
    image->base = any_u64();
    info.records = (uintptr_t)&own;
    info.crash_base = any_u64() & PAGE_MASK;
    info.kernel_tables = any_u64() & PAGE_MASK;
    info.window_tables = any_u64() & PAGE_MASK;
    for (unsigned i = 0; i < CPUS; i++)
        own.cpu_base[i] = any_u64() & PAGE_MASK;
    image->segment_count = any_below(SEGMENTS + 1);
    image->space.state.v = 0;
    info.cpu_count = 1 + any_below(CPUS);
    ASSUME(image->header.state_bytes <= STATE_MAX_BYTES && image->base < 1ull << 46);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        struct boot_segment some;
        const struct boot_segment *one = &image->segment[i];
        image->segment[i] = some;
        ASSUME(i >= image->segment_count || fits(one));
        for (unsigned k = 0; k < i; k++)
            ASSUME(one->va + one->pages * PAGE_BYTES <= image->segment[k].va || image->segment[k].va + image->segment[k].pages * PAGE_BYTES <= one->va);
    }
    one_va = any_u64() & PAGE_MASK;
    bool good = space_make(&info, &memory, 0);

    PROVE(va_times <= 1, "no address is mapped twice");
    PROVE(!window || (image->header.rights & (RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE)), "the window is a right");
    PROVE(!window_writable || (image->header.rights & RIGHT_WINDOW_WRITE), "and so is writing through it");
    if (va_times == 1 && one_va >= CHANNEL_BASE && (one_va - CHANNEL_BASE) % CHANNEL_STRIDE < RING_SLOTS * PAGE_BYTES && one_va < STACK_BASE)
        PROVE(!(va_rights & PAGE_WRITE), "requests are read-only");
    if (va_times == 1 && one_va == INFO_BASE)
        PROVE(!(va_rights & PAGE_WRITE), "the info page is read-only");
    if (one_va >= STACK_BASE && one_va < RECORDS_BASE && (one_va - STACK_BASE) % STACK_STRIDE < PAGE_BYTES)
        PROVE(va_times == 0, "a guard page below each stack");
    if (!good)
        return 0;
    PROVE(kernel_half && image->space.root.v == root && copies == image->segment_count, "with the kernel's half, and filled");
    for (unsigned i = 0; i < SEGMENTS; i++) {
        const struct boot_segment *one = &image->segment[i];
        if (i >= image->segment_count)
            break;
        if (one_va - one->va < one->pages * PAGE_BYTES && !one->state) {
            PROVE(va_times == 1, "a segment is mapped");
            PROVE(!(va_rights & PAGE_WRITE) == !(one->rights & BOOT_WRITE) && !(va_rights & PAGE_EXECUTE) == !(one->rights & BOOT_EXECUTE), "with its rights");
        }
        if (one->state)
            PROVE(image->space.segment[i].v - image->space.state.v == one->va - STATE_BASE && one->pages * PAGE_BYTES <= state_bytes - (one->va - STATE_BASE),
                  "the state region's segment lies in the state region's pages");
    }
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Proof: a partition's address space, for any image and header that the loader has let through, maps pages of its own alone, each of them
// once; nothing in it is both writable and executable; requests and the info page are read-only; below each stack and behind it nothing is
// mapped; the records and the window are there only by right, and the window writable only by another (I5). The entries themselves: proof space_map.
// CBMC: unwind=4 replace=map:contract_map
#include "proof.h"

#include "../../kernel/space.c"

// Bounds: what is done for one of several segments and CPUs doesn't depend on how many there are.
#define SEGMENTS 3
#define CPUS     2

static uint64_t block, block_end;  // what the pool has given out last: mapped so far up to block
static uint64_t one_va;            // any page: mapped how often, and how
static unsigned va_times;
static uint64_t va_bits, state_bytes;
static struct space space;
static bool shared, window, window_writable;
static struct boot_partition image;
struct records_own records;

enum status pool_alloc(uint64_t pages, hpa_t *out)
{
    PROVE(pages > 0 && pages <= IMAGE_MAX_BYTES / PAGE_BYTES, "a number of pages that makes sense");
    block = any_u64() & PAGE_MASK;
    ASSUME(block < 1ull << 46);
    block_end = block + pages * PAGE_BYTES;
    out->v = block;
    return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

// Where a partition has anything (caps/layout.h), the window apart.
static bool in_region(uint64_t va, uint64_t bytes, uint64_t base, uint64_t size) { return va >= base && va - base <= size && bytes <= size - (va - base); }

enum status contract_map(const struct space *in, uint64_t va, hpa_t first, uint64_t pages, uint64_t bits)
{
    uint64_t bytes = pages * PAGE_BYTES;
    PROVE(in == &space && shared, "this space, with the kernel's half");
    PROVE(va % PAGE_BYTES == 0, "whole pages");
    PROVE((bits & ~(PTE_WRITE | PTE_NX)) == 0 && (bits & PTE_NX || !(bits & PTE_WRITE)), "writable or executable, not both");
    if (va >= RECORDS_BASE) {
        bool cpus = va >= RECORDS_CPU_BASE(0), crash = !cpus && va > RECORDS_BASE;
        uint64_t cpu = cpus ? (va - RECORDS_CPU_BASE(0)) / sizeof(struct records_cpu) : 0;
        PROVE(image.header.rights & RIGHT_RECORDS, "the records are a right");
        PROVE(bits == PTE_NX, "to read them");
        PROVE(cpus ? cpu < CPUS && va == RECORDS_CPU_BASE(cpu) && first.v == records.machine.cpu_base[cpu] && bytes == sizeof(struct records_cpu)
              : crash ? va == RECORDS_BASE + sizeof(struct records_own) && first.v == records.machine.crash_base &&
                        bytes == sizeof(struct records) - sizeof(struct records_own)
                      : first.v == records.machine.base && bytes == sizeof(struct records_own), "their own pages, and no others of the kernel's");
        return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
    }
    PROVE(in_region(va, bytes, IMAGE_BASE, IMAGE_MAX_BYTES) || in_region(va, bytes, STATE_BASE, STATE_MAX_BYTES) ||
          in_region(va, bytes, INFO_BASE, PAGE_BYTES) || in_region(va, bytes, CHANNEL_BASE, CPUS * CHANNEL_STRIDE) ||
          in_region(va, bytes, STACK_BASE, CPUS * STACK_STRIDE), "in the partition's own regions");
    if (!(bits & PTE_NX))
        PROVE(in_region(va, bytes, IMAGE_BASE, IMAGE_MAX_BYTES), "only the image is executable");
    PROVE(first.v >= block && bytes <= block_end - first.v, "pages that the pool has just given out, each once: no tables, nobody else's");
    block = first.v + bytes;
    if (va == STATE_BASE)
        state_bytes = bytes;
    if (one_va - va < bytes) {
        va_times++;
        va_bits = bits;
    }
    return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

void paging_share(uint64_t pml4[512])
{
    PROVE(hidden_hpa(pml4).v == space.root.v, "the kernel's half comes into the top-level table");
    shared = true;
}

void window_share(uint64_t *root, bool writable)
{
    PROVE(hidden_hpa(root).v == space.root.v, "the window comes into the top-level table");
    window = true;
    window_writable = writable;
}

enum status owned_share(uint64_t *root)
{
    PROVE(hidden_hpa(root).v == space.root.v, "the owned window comes into the top-level table");
    PROVE(image.header.rights & RIGHT_PAL, "and is a right");
    return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

// What proof elf_segment shows of segments, and read_header() demands of the state region.
static bool fits(const struct boot_segment *one)
{
    uint64_t low = one->state ? STATE_BASE : IMAGE_BASE, size = one->state ? (image.header.state_bytes + PAGE_BYTES - 1) & PAGE_MASK : IMAGE_MAX_BYTES;
    return one->va % PAGE_BYTES == 0 && one->pages > 0 && one->pages <= size / PAGE_BYTES && one->va >= low &&
           one->va - low <= size - one->pages * PAGE_BYTES && !((one->rights & BOOT_WRITE) && (one->rights & BOOT_EXECUTE));
}

int main(void)
{
    struct channel *channels[CPUS];
    struct boot_partition some;
    image = some;
    records.machine.base = any_u64() & PAGE_MASK;
    records.machine.crash_base = any_u64() & PAGE_MASK;
    for (unsigned i = 0; i < CPUS; i++)
        records.machine.cpu_base[i] = any_u64() & PAGE_MASK;
    image.segment_count = any_below(SEGMENTS + 1);
    uint32_t cpus = 1 + any_below(CPUS);
    ASSUME(image.header.state_bytes <= STATE_MAX_BYTES);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        struct boot_segment *one = &image.segment[i];
        ASSUME(i >= image.segment_count || fits(one));
        for (unsigned k = 0; k < i; k++)
            ASSUME(one->va + one->pages * PAGE_BYTES <= image.segment[k].va || image.segment[k].va + image.segment[k].pages * PAGE_BYTES <= one->va);
    }
    one_va = any_u64() & PAGE_MASK;
    bool good = space_create(&space, &image, cpus, channels) == STATUS_OK;

    PROVE(va_times <= 1, "no address is mapped twice");
    PROVE(!window || (image.header.rights & (RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE)), "the window is a right");
    PROVE(!window_writable || (image.header.rights & RIGHT_WINDOW_WRITE), "and so is writing through it");
    if (va_times == 1 && one_va >= CHANNEL_BASE && (one_va - CHANNEL_BASE) % CHANNEL_STRIDE < RING_SLOTS * PAGE_BYTES && one_va < STACK_BASE)
        PROVE(!(va_bits & PTE_WRITE), "requests are read-only");
    if (va_times == 1 && one_va == INFO_BASE)
        PROVE(!(va_bits & PTE_WRITE), "the info page is read-only");
    if (one_va >= STACK_BASE && one_va < RECORDS_BASE && (one_va - STACK_BASE) % STACK_STRIDE < PAGE_BYTES)
        PROVE(va_times == 0, "a guard page below each stack");
    if (!good)
        return 0;
    for (unsigned i = 0; i < SEGMENTS; i++) {
        const struct boot_segment *one = &image.segment[i];
        if (i >= image.segment_count)
            break;
        if (one_va - one->va < one->pages * PAGE_BYTES && !one->state) {
            PROVE(va_times == 1, "a segment is mapped");
            PROVE(!(va_bits & PTE_WRITE) == !(one->rights & BOOT_WRITE) && !(va_bits & PTE_NX) == !!(one->rights & BOOT_EXECUTE), "with its rights");
        }
        if (one->state)
            PROVE(space.segment[i].v - space.state.v == one->va - STATE_BASE && one->pages * PAGE_BYTES <= state_bytes - (one->va - STATE_BASE),
                  "the state region's segment lies in the state region's pages");
    }
    return 0;
}

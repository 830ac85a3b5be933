// SPDX-License-Identifier: BSD-2-Clause
// Proof: space_load() fills each page of a segment once, from front to end, with bytes of the segment's part of the file and zeros around them, and
// writes and reads nothing else; a reload leaves the state region alone (I5).
// CBMC: unwind=3 replace=memory_fill:contract_fill,memory_copy:contract_copy
#include "proof.h"

#include "../../kernel/space.c"

#define FILE ((const uint8_t *)0x10000000)  // never dereferenced

static struct boot_partition image;
static struct space space;
static unsigned current;    // segment
static uint64_t done;       // bytes of it
static bool reloads;

enum status pool_alloc(uint64_t pages, hpa_t *out) { (void)pages, (void)out; return STATUS_NO_MEMORY; }
void paging_share(uint64_t pml4[512]) { (void)pml4; }
void window_share(uint64_t *root, bool writable) { (void)root, (void)writable; }

static void goes_on(const void *to, uint64_t bytes)
{
    while (current < image.segment_count && (done == image.segment[current].pages * PAGE_BYTES || (reloads && image.segment[current].state))) {
        current++;
        done = 0;
    }
    PROVE(current < image.segment_count, "no more than the segments");
    PROVE(hidden_hpa(to).v == space.segment[current].v + done, "where the one before ended");
    PROVE(bytes <= image.segment[current].pages * PAGE_BYTES - done, "in the segment");
    done += bytes;
}

void contract_fill(void *to, uint8_t value, size_t bytes)
{
    if (bytes == 0)
        return;
    goes_on(to, bytes);
    PROVE(value == 0, "zeros");
}

void contract_copy(void *to, const void *from, size_t bytes)
{
    if (bytes == 0)
        return;
    goes_on(to, bytes);
    const struct boot_segment *one = &image.segment[current];
    PROVE((uintptr_t)from == (uintptr_t)FILE + one->file_offset && bytes == one->file_bytes, "the segment's bytes");
    PROVE(done - bytes == one->va_offset, "at their place");
}

int main(void)
{
    bool first = any_bool();
    struct boot_partition some;
    image = some;
    image.segment_count = any_below(3);
    for (unsigned i = 0; i < 2; i++) {
        const struct boot_segment *one = &image.segment[i];
        // Proof elf_segment shows this of each segment.
        ASSUME(one->va_offset < PAGE_BYTES && one->pages > 0 && one->pages <= IMAGE_MAX_BYTES / PAGE_BYTES);
        ASSUME(one->file_bytes <= one->pages * PAGE_BYTES - one->va_offset && one->file_offset < 1ull << 47);
        space.segment[i].v = any_u64() & PAGE_MASK;
        ASSUME(space.segment[i].v < 1ull << 46);
    }
    reloads = !first;
    image.base = hidden_hpa(FILE).v;  // so that the kernel sees it there
    space_load(&space, &image, first);
    for (unsigned i = 0; i < 2; i++)
        if (i == current && i < image.segment_count && !(reloads && image.segment[i].state))
            PROVE(done == image.segment[i].pages * PAGE_BYTES, "to the last segment's end");
    PROVE(current + 1 >= image.segment_count || (reloads && image.segment[image.segment_count - 1].state), "of every segment");
    return 0;
}

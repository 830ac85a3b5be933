// SPDX-License-Identifier: BSD-2-Clause
// Proof: space_load() fills each page of a segment once, from front to end, with bytes of the segment's part of the file and zeros around them, and
// writes and reads nothing else: the state region stays as it is (I5).
// CBMC: unwind=3 replace=memory_fill:contract_fill,memory_copy:contract_copy
// Of the boot information no more than is looked at.
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 1
#undef PARTITION_MAX
#define PARTITION_MAX 1
#include "proof.h"

#include "../../kernel/space.c"

#define FILE ((const uint8_t *)0x10000000)  // never dereferenced

static struct boot_partition image;
static unsigned current;    // segment
static uint64_t done;       // bytes of it

enum status pool_alloc(uint64_t pages, hpa_t *out) { (void)pages, (void)out; return STATUS_NO_MEMORY; }
enum status tree_slot(struct tree *tree, uint64_t address, unsigned level, uint64_t **slot) { (void)tree, (void)address, (void)level, (void)slot; return STATUS_NO_MEMORY; }
uint64_t tree_find(const struct tree *tree, uint64_t address, unsigned *level) { (void)tree, (void)address, (void)level; return 0; }

static void goes_on(const void *to, uint64_t bytes)
{
    while (current < image.segment_count && (done == image.segment[current].pages * PAGE_BYTES || image.segment[current].state)) {
        current++;
        done = 0;
    }
    PROVE(current < image.segment_count, "no more than the segments");
    PROVE(hidden_hpa(to).v == image.space.segment[current].v + done, "where the one before ended");
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
    image.segment_count = any_below(3);
    for (unsigned i = 0; i < 2; i++) {
        struct boot_segment some;
        const struct boot_segment *one = &image.segment[i];
        image.segment[i] = some;
        // Proof elf_segment shows this of each segment.
        ASSUME(one->va_offset < PAGE_BYTES && one->pages > 0 && one->pages <= IMAGE_MAX_BYTES / PAGE_BYTES);
        ASSUME(one->file_bytes <= one->pages * PAGE_BYTES - one->va_offset && one->file_offset < 1ull << 47);
        image.space.segment[i].v = any_u64() & PAGE_MASK;
        ASSUME(image.space.segment[i].v < 1ull << 46);
    }
    image.base = hidden_hpa(FILE).v;  // so that the kernel sees it there
    space_load(&image);
    for (unsigned i = 0; i < 2; i++)
        if (i == current && i < image.segment_count && !image.segment[i].state)
            PROVE(done == image.segment[i].pages * PAGE_BYTES, "to the last segment's end");
    PROVE(current + 1 >= image.segment_count || image.segment[image.segment_count - 1].state, "of every segment");
    return 0;
}

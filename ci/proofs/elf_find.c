// SPDX-License-Identifier: BSD-2-Clause
// Proof: find() finds a segment that holds all of the range, with exactly the rights asked for; a name that name_valid() accepts is not empty and ends within its
// bytes, and has only characters that can be shown (I5).
// CBMC: unwind=18
#include "proof.h"

#include "../../kernel/loader/elf_partition.c"

int main(void)
{
    if (any_bool()) {
        static struct boot_partition image;
        for (unsigned i = 0; i < BOOT_SEGMENTS; i++) {
            image.segment[i].va = any_u64();
            image.segment[i].pages = any_u64();
            image.segment[i].rights = any_u32();
            ASSUME(image.segment[i].pages <= IMAGE_MAX_BYTES / PAGE_BYTES && image.segment[i].va < 1ull << 47);
        }
        image.segment_count = any_below(BOOT_SEGMENTS + 1);
        uint64_t va = any_u64(), bytes = any_u64(), rights = any_u32();
        const struct boot_segment *one = find(&image, va, bytes, (uint32_t)rights);
        if (one == NULL)
            return 0;
        PROVE(one >= image.segment && one < image.segment + image.segment_count, "a segment of the image");
        PROVE(one->rights == rights, "with those rights");
        PROVE(va >= one->va && bytes <= one->pages * PAGE_BYTES && va - one->va <= one->pages * PAGE_BYTES - bytes, "and all of the range");
        return 0;
    }
    char name[CAP_NAME];
    if (!name_valid(name))
        return 0;
    bool ended = false;
    for (unsigned i = 0; i < CAP_NAME; i++) {
        ended = ended || name[i] == 0;
        PROVE(ended || (name[i] > ' ' && name[i] < 127), "what can be shown");
    }
    PROVE(name[0] != 0 && ended, "a name that ends");
    return 0;
}

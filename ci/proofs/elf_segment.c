// SPDX-License-Identifier: BSD-2-Clause
// Proof: a segment that add_segment() accepts beside any accepted ones lies in the image or the state region, is never writable and executable, shares
// no page with another, and takes its bytes from the file (I5).
// CBMC: unwind=7
#include "proof.h"

#include "../../kernel/loader/elf_partition.c"

static bool fits(const struct boot_segment *one, uint64_t bytes)
{
    uint64_t low = one->state ? STATE_BASE : IMAGE_BASE;
    uint64_t size = one->state ? STATE_MAX_BYTES : IMAGE_MAX_BYTES;
    return one->va % PAGE_BYTES == 0 && one->pages > 0 && one->pages <= size / PAGE_BYTES && one->va >= low &&
           one->va - low <= size - one->pages * PAGE_BYTES &&
           !((one->rights & BOOT_WRITE) && (one->rights & BOOT_EXECUTE)) && (!one->state || one->rights == (BOOT_READ | BOOT_WRITE)) &&
           one->file_offset <= bytes && one->file_bytes <= bytes - one->file_offset && one->va_offset < PAGE_BYTES &&
           one->file_bytes <= one->pages * PAGE_BYTES - one->va_offset;
}

int main(void)
{
    struct boot_partition image;
    struct elf_program program;
    uint64_t bytes = any_u64();
    ASSUME(bytes < 1ull << 47);
    // What proof elf_parse shows of every segment that comes here.
    ASSUME(program.offset <= bytes && program.file_bytes <= bytes - program.offset && program.file_bytes <= program.bytes);
    // As many as there can be before one more, of which one is looked at; or all, where one more must be refused.
    bool full = any_bool();
    image.segment_count = full ? BOOT_SEGMENTS : BOOT_SEGMENTS - 1;
    const struct boot_segment *other = &image.segment[any_below(BOOT_SEGMENTS - 1)];
    ASSUME(fits(other, bytes));
    if (full) {
        PROVE(add_segment(&program, &image) != NULL || program.bytes == 0, "no more than there is room for");
        return 0;
    }
    if (add_segment(&program, &image) != NULL || image.segment_count < BOOT_SEGMENTS)
        return 0;
    const struct boot_segment *new = &image.segment[BOOT_SEGMENTS - 1];
    PROVE(fits(new, bytes), "inside its region, not writable and executable, its bytes the file's");
    PROVE(new->va + new->pages * PAGE_BYTES <= other->va || other->va + other->pages * PAGE_BYTES <= new->va, "no page is shared");
    return 0;
}

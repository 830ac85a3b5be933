// SPDX-License-Identifier: BSD-2-Clause
// Proof: elf_parse(), whatever the file's bytes and length, reads nothing outside of it (I5). Its segments: proof elf_segment.
// CBMC: unwind=17 replace=add_segment:contract_segment
#include "proof.h"

#include <stddef.h>

static const uint8_t *the_file;
static uint64_t the_bytes;
void contract_copy(void *to, const void *from, size_t bytes);

#define __builtin_memcpy contract_copy
#include "../../kernel/elf.c"

// What is copied out of the file is anything; that it lies in the file is shown.
void contract_copy(void *to, const void *from, size_t bytes)
{
    uint64_t offset = (uint64_t)(uintptr_t)from - (uint64_t)(uintptr_t)the_file;
    PROVE(offset <= the_bytes && bytes <= the_bytes - offset, "only the file is read");
    (void)to;  // a local variable that nobody else sets: it is anything
}

const char *contract_segment(const struct elf64_program *program, uint64_t bytes, struct elf_image *image)
{
    (void)program, (void)image;
    PROVE(bytes == the_bytes, "segments are checked against the file's length");
    return any_bool() ? NULL : "refused";
}

int main(void)
{
    struct elf_image image;
    the_file = (const uint8_t *)(uintptr_t)0x100000;  // never dereferenced: every access is a copy
    the_bytes = any_u64();
    ASSUME(the_bytes < 1ull << 26);  // 64 MiB: an image has 20 at most
    (void)elf_parse(the_file, the_bytes, &image);
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Proof: elf_open() and elf_program(), whatever the file's bytes and length, read nothing outside of it, and what they accept has its bytes in it (I5).
// CBMC: unwind=8
#include "proof.h"

#include <stddef.h>

static const uint8_t *the_file;
static uint64_t the_bytes;
void contract_copy(void *to, const void *from, size_t bytes);

#define __builtin_memcpy contract_copy
#include "../../kernel/loader/elf.c"

// What is copied out of the file is anything; that it lies in the file is shown.
void contract_copy(void *to, const void *from, size_t bytes)
{
    uint64_t offset = (uint64_t)(uintptr_t)from - (uint64_t)(uintptr_t)the_file;
    PROVE(offset <= the_bytes && bytes <= the_bytes - offset, "only the file is read");
    (void)to;  // a local variable that nobody else sets: it is anything
}

int main(void)
{
    struct elf_header header;
    struct elf_program program;
    the_file = (const uint8_t *)(uintptr_t)0x100000;  // never dereferenced: every access is a copy
    the_bytes = any_u64();
    ASSUME(the_bytes < 1ull << 26);  // 64 MiB: an image has 20 at most
    if (elf_open(&header, the_file, the_bytes) != NULL)
        return 0;
    PROVE(header.program_count <= ELF_PROGRAMS, "few segments");
    if (elf_program(&program, &header, any_below(header.program_count), the_file, the_bytes) != NULL || program.type != ELF_LOAD)
        return 0;
    PROVE(program.offset <= the_bytes && program.file_bytes <= the_bytes - program.offset && program.file_bytes <= program.bytes,
          "a segment's bytes lie in the file");
    return 0;
}

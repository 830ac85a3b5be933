// SPDX-License-Identifier: BSD-2-Clause
// Reads ELF headers. Pure; no field is used before it is checked against the file's size.
#include "elf.h"

#include <stddef.h>

enum { TYPE_EXEC = 2, MACHINE_X86_64 = 62 };

const char *elf_open(struct elf_header *header, const void *file, uint64_t bytes)
{
    static const uint8_t ident[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1};  // 64 bits, little endian, version 1
    if (bytes < sizeof(*header))
        return "shorter than an ELF header";
    __builtin_memcpy(header, file, sizeof(*header));
    for (unsigned i = 0; i < sizeof(ident); i++)
        if (header->ident[i] != ident[i])
            return "not a 64-bit little-endian ELF file";
    if (header->type != TYPE_EXEC || header->machine != MACHINE_X86_64 || header->version != 1)
        return "not a static x86-64 executable";
    if (header->program_bytes != sizeof(struct elf_program) || header->program_count == 0 || header->program_count > ELF_PROGRAMS)
        return "a program header table that cannot be";
    if (!elf_inside(header->program_offset, (uint64_t)header->program_count * sizeof(struct elf_program), 0, bytes))
        return "the program headers lie outside of the file";
    return NULL;
}

const char *elf_program(struct elf_program *program, const struct elf_header *header, unsigned index, const void *file, uint64_t bytes)
{
    __builtin_memcpy(program, (const uint8_t *)file + header->program_offset + index * sizeof(*program), sizeof(*program));
    if (program->type == ELF_DYNAMIC || program->type == ELF_INTERPRETER || program->type == ELF_TLS)
        return "not statically linked, or with thread-local storage";
    if (program->type == ELF_LOAD && (program->file_bytes > program->bytes || !elf_inside(program->offset, program->file_bytes, 0, bytes)))
        return "a segment's bytes lie outside of the file";
    return NULL;
}

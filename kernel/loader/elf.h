// SPDX-License-Identifier: BSD-2-Clause
// The ELF format (System V ABI, "Object Files" and "Program Loading"), as far as kernel and partitions use it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_bytes, program_bytes, program_count, section_bytes, section_count, names;
};

struct elf_program {
    uint32_t type, flags;      // flags: enum boot_rights
    uint64_t offset, address, physical, file_bytes, bytes, align;
};
_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_program) == 56, "the ELF format's sizes");

enum { ELF_LOAD = 1, ELF_DYNAMIC = 2, ELF_INTERPRETER = 3, ELF_TLS = 7 };
#define ELF_PROGRAMS 16  // at most

// Whether [first, first + bytes) lies in [low, low + size), without overflow.
static inline bool elf_inside(uint64_t first, uint64_t bytes, uint64_t low, uint64_t size)
{
    return first >= low && first - low <= size && bytes <= size - (first - low);
}

// Copies the header and checks that it is a static x86-64 executable's with its program headers in the file. The file may be any garbage, and need not
// be aligned. Returns NULL, or what is wrong.
const char *elf_open(struct elf_header *header, const void *file, uint64_t bytes);

// Copies a program header of a file that elf_open() accepted. Returns NULL, or what is wrong with it.
const char *elf_program(struct elf_program *program, const struct elf_header *header, unsigned index, const void *file, uint64_t bytes);

// SPDX-License-Identifier: BSD-2-Clause
// A partition's ELF file: what is accepted, and where its segments go. Strict: whatever isn't a plain static image is refused.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/cap.h>

#define ELF_SEGMENTS 6

enum elf_rights { ELF_EXECUTE = 1, ELF_WRITE = 2, ELF_READ = 4 };  // as in p_flags

// One segment, in pages: [va, va + pages) holds file_bytes bytes from file_offset on, placed va_offset bytes into the first page, then zeros.
struct elf_segment {
    uint64_t va;
    uint64_t pages;
    uint64_t va_offset;
    uint64_t file_offset;
    uint64_t file_bytes;
    uint32_t rights;
    bool state;  // lies in the state region: kept when the partition is reloaded
};

struct elf_image {
    uint32_t segment_count;
    struct elf_segment segment[ELF_SEGMENTS];
};

// Reads an ELF file of bytes bytes. Returns NULL, or what is wrong with it.
// SDM-free: System V ABI, "Object Files" and "Program Loading".
const char *elf_parse(const void *file, uint64_t bytes, struct elf_image *image);

// Copies the partition header, which an image that elf_parse() accepted starts with, and checks it. Returns NULL, or what is wrong with it.
const char *elf_header(const void *file, const struct elf_image *image, struct partition_header *header);

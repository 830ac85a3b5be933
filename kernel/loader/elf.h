// SPDX-License-Identifier: BSD-2-Clause
// ELF files: the kernel's segments, and a look at a partition's header. Strict: what our linker scripts don't make is refused.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS    8
#define ELF_KERNEL_MAX  (64ull << 20)  // of address space, from KERNEL_BASE on

struct elf_segment {
    uint64_t address;         // linear, page-aligned
    uint64_t offset;          // in the file
    uint64_t file_bytes;      // from there; what's behind is zero
    uint64_t bytes;           // in memory, a multiple of the page size
    bool write, execute;
};

struct elf_kernel {
    uint64_t entry;
    uint64_t bytes;           // of memory, from KERNEL_BASE to the last segment's end
    unsigned segment_count;
    struct elf_segment segment[ELF_SEGMENTS];
};

// Reads the kernel's headers. Segments come out in the order of their addresses, on pages of their own, the first at KERNEL_BASE.
// Returns NULL, or what is wrong with the file. Nothing is trusted: bytes may be any garbage.
const char *elf_kernel_read(struct elf_kernel *kernel, const void *file, size_t bytes);

// Checks that the file is a partition of this ABI with that name. Returns NULL, or what is wrong with it.
const char *elf_partition_check(const char *name, const void *file, size_t bytes);

// SPDX-License-Identifier: BSD-2-Clause
// The kernel's ELF file. Strict: what our linker script doesn't make is refused.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KERNEL_SEGMENTS  8
#define KERNEL_MAX_BYTES (64ull << 20)  // of address space, from KERNEL_BASE on

struct kernel_segment {
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
    struct kernel_segment segment[KERNEL_SEGMENTS];
};

// Reads the kernel's headers. Segments come out in the order of their addresses, on pages of their own, the first at KERNEL_BASE.
// Returns NULL, or what is wrong with the file. Nothing is trusted: bytes may be any garbage.
const char *elf_kernel_read(struct elf_kernel *kernel, const void *file, uint64_t bytes);

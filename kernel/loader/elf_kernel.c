// SPDX-License-Identifier: BSD-2-Clause
// Reads the kernel's segments. Pure.
#include "elf_kernel.h"

#include <stddef.h>

#include <caps/addr.h>

#include "../boot_info.h"
#include "elf.h"

static const char *segment_read(struct kernel_segment *segment, const struct elf_program *program)
{
    if (program->address % PAGE_BYTES)
        return "has a segment that doesn't start on a page";
    if (!elf_inside(program->address, program->bytes, KERNEL_BASE, KERNEL_MAX_BYTES))
        return "has a segment outside the kernel's addresses";
    if (program->flags & BOOT_WRITE && program->flags & BOOT_EXECUTE)
        return "has a segment that is writable and executable";
    *segment = (struct kernel_segment){
        .address = program->address, .offset = program->offset, .file_bytes = program->file_bytes,
        .bytes = (program->bytes + PAGE_BYTES - 1) & PAGE_MASK, .write = program->flags & BOOT_WRITE, .execute = program->flags & BOOT_EXECUTE,
    };
    return NULL;
}

const char *elf_kernel_read(struct elf_kernel *kernel, const void *file, uint64_t bytes)
{
    struct elf_header header;
    const char *wrong = elf_open(&header, file, bytes);
    if (wrong)
        return wrong;
    uint64_t end = KERNEL_BASE;
    bool entry_found = false;
    kernel->entry = header.entry;
    kernel->segment_count = 0;
    for (unsigned i = 0; i < header.program_count; i++) {
        struct elf_program program;
        wrong = elf_program(&program, &header, i, file, bytes);
        if (wrong)
            return wrong;
        if (program.type != ELF_LOAD || !program.bytes)
            continue;
        if (kernel->segment_count == KERNEL_SEGMENTS)
            return "has too many segments";
        struct kernel_segment *segment = &kernel->segment[kernel->segment_count];
        wrong = segment_read(segment, &program);
        if (wrong)
            return wrong;
        // hidden_base + kernel_base then translates every address of the kernel.
        if (!kernel->segment_count && segment->address != KERNEL_BASE)
            return "doesn't start at the kernel's base address";
        if (segment->address < end)
            return "has segments that overlap or aren't in order";
        end = segment->address + segment->bytes;
        entry_found |= segment->execute && header.entry >= segment->address && header.entry < segment->address + program.file_bytes;
        kernel->segment_count++;
    }
    if (!entry_found)
        return "has its entry point outside its code";
    kernel->bytes = end - KERNEL_BASE;
    return NULL;
}

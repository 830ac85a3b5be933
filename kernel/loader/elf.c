// SPDX-License-Identifier: BSD-2-Clause
// Reads ELF headers (System V ABI, "Object Files"). Pure; no field is used before it is checked against the file's size.
#include "elf.h"

#include <caps/addr.h>
#include <caps/cap.h>
#include <caps/layout.h>

#include "../boot_info.h"
#include "text.h"

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_bytes, program_bytes, program_count, section_bytes, section_count, names;
};

struct elf_program {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_bytes, bytes, align;
};

enum { TYPE_EXEC = 2, MACHINE_X86_64 = 62 };
enum { PROGRAM_LOAD = 1, PROGRAM_DYNAMIC = 2, PROGRAM_INTERPRETER = 3, PROGRAM_TLS = 7 };
enum { FLAG_EXECUTE = 1, FLAG_WRITE = 2, FLAG_READ = 4 };

// The file need not be aligned in memory.
static void fetch(void *to, const void *file, size_t offset, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)to)[i] = ((const uint8_t *)file)[offset + i];
}

static const char *header_read(struct elf_header *header, const void *file, size_t bytes)
{
    static const uint8_t ident[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1};  // 64 bits, little endian, version 1
    if (bytes < sizeof(*header))
        return "is too short for an ELF file";
    fetch(header, file, 0, sizeof(*header));
    for (unsigned i = 0; i < sizeof(ident); i++)
        if (header->ident[i] != ident[i])
            return "is no 64-bit ELF file";
    if (header->type != TYPE_EXEC || header->machine != MACHINE_X86_64)
        return "is no executable for x86-64";
    if (header->program_bytes != sizeof(struct elf_program) || !header->program_count)
        return "has no program headers";
    if (header->program_offset > bytes || header->program_count > (bytes - header->program_offset) / sizeof(struct elf_program))
        return "is truncated: program headers are behind its end";
    return NULL;
}

static const char *segment_read(struct elf_segment *segment, const struct elf_program *program, size_t bytes)
{
    if (program->offset > bytes || program->file_bytes > bytes - program->offset)
        return "is truncated: a segment is behind its end";
    if (program->file_bytes > program->bytes)
        return "has a segment that is longer in the file than in memory";
    if (program->address % PAGE_BYTES)
        return "has a segment that doesn't start on a page";
    if (program->address < KERNEL_BASE || program->address - KERNEL_BASE >= ELF_KERNEL_MAX || program->bytes > ELF_KERNEL_MAX ||
        program->address - KERNEL_BASE + program->bytes > ELF_KERNEL_MAX)
        return "has a segment outside the kernel's addresses";
    if (program->flags & FLAG_WRITE && program->flags & FLAG_EXECUTE)
        return "has a segment that is writable and executable";
    segment->address = program->address;
    segment->offset = program->offset;
    segment->file_bytes = program->file_bytes;
    segment->bytes = (program->bytes + PAGE_BYTES - 1) & PAGE_MASK;
    segment->write = program->flags & FLAG_WRITE;
    segment->execute = program->flags & FLAG_EXECUTE;
    return NULL;
}

const char *elf_kernel_read(struct elf_kernel *kernel, const void *file, size_t bytes)
{
    struct elf_header header;
    const char *wrong = header_read(&header, file, bytes);
    if (wrong)
        return wrong;
    uint64_t end = KERNEL_BASE;
    bool entry_found = false;
    kernel->entry = header.entry;
    kernel->segment_count = 0;
    for (unsigned i = 0; i < header.program_count; i++) {
        struct elf_program program;
        fetch(&program, file, header.program_offset + i * sizeof(program), sizeof(program));
        if (program.type == PROGRAM_DYNAMIC || program.type == PROGRAM_INTERPRETER || program.type == PROGRAM_TLS)
            return "is linked dynamically";
        if (program.type != PROGRAM_LOAD || !program.bytes)
            continue;
        if (kernel->segment_count == ELF_SEGMENTS)
            return "has too many segments";
        struct elf_segment *segment = &kernel->segment[kernel->segment_count];
        wrong = segment_read(segment, &program, bytes);
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

const char *elf_partition_check(const char *name, const void *file, size_t bytes)
{
    struct elf_header header;
    const char *wrong = header_read(&header, file, bytes);
    if (wrong)
        return wrong;
    for (unsigned i = 0; i < header.program_count; i++) {
        struct elf_program program;
        struct partition_header image;
        fetch(&program, file, header.program_offset + i * sizeof(program), sizeof(program));
        if (program.type != PROGRAM_LOAD || program.address != IMAGE_BASE)
            continue;
        if (program.file_bytes < sizeof(image))
            return "has no partition header";
        if (program.offset > bytes || program.file_bytes > bytes - program.offset)
            return "is truncated: a segment is behind its end";
        fetch(&image, file, program.offset, sizeof(image));
        if (image.magic != CAP_MAGIC)
            return "has no partition header";
        if (image.abi != CAP_ABI || image.bytes != sizeof(image))
            return "is for another ABI";
        if (image.name[CAP_NAME - 1] || !text_equal(image.name, name))
            return "is the image of a partition of another name";
        return NULL;
    }
    return "has no partition header";
}

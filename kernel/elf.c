// SPDX-License-Identifier: BSD-2-Clause
// The strict parser of partitions' ELF files. No kernel dependencies: fuzzed and tested on the host.

#include "elf.h"

#include <stddef.h>

#include <caps/addr.h>
#include <caps/exit_reason.h>
#include <caps/hypercall.h>
#include <caps/layout.h>
#include <caps/ring.h>

struct elf64_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t header_bytes, program_bytes, program_count, section_bytes, section_count, string_index;
};
struct elf64_program {
    uint32_t type, flags;
    uint64_t offset, va, pa, file_bytes, memory_bytes, align;
};
_Static_assert(sizeof(struct elf64_header) == 64 && sizeof(struct elf64_program) == 56, "the ELF format's sizes");

enum { TYPE_EXEC = 2, MACHINE_X86_64 = 62, PROGRAM_LOAD = 1, PROGRAM_DYNAMIC = 2, PROGRAM_INTERP = 3, PROGRAM_TLS = 7 };

// Whether [first, first + bytes) lies in [low, low + size), without overflow.
static bool inside(uint64_t first, uint64_t bytes, uint64_t low, uint64_t size)
{
    return first >= low && first - low <= size && bytes <= size - (first - low);
}

static const char *check_header(const struct elf64_header *elf, uint64_t bytes)
{
    static const uint8_t ident[7] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };  // 64-bit, little-endian, version 1
    for (unsigned i = 0; i < sizeof(ident); i++)
        if (elf->ident[i] != ident[i])
            return "not a 64-bit little-endian ELF file";
    if (elf->type != TYPE_EXEC || elf->machine != MACHINE_X86_64 || elf->version != 1)
        return "not a static x86-64 executable";
    if (elf->program_bytes != sizeof(struct elf64_program) || elf->program_count == 0 || elf->program_count > 16)
        return "a program header table that cannot be";
    if (!inside(elf->program_offset, (uint64_t)elf->program_count * sizeof(struct elf64_program), 0, bytes))
        return "the program headers lie outside of the file";
    return NULL;
}

static const char *add_segment(const struct elf64_program *program, uint64_t bytes, struct elf_image *image)
{
    if (program->memory_bytes == 0)
        return NULL;
    if (program->file_bytes > program->memory_bytes || !inside(program->offset, program->file_bytes, 0, bytes))
        return "a segment's bytes lie outside of the file";
    bool state = program->va >= STATE_BASE;
    if (!inside(program->va, program->memory_bytes, state ? STATE_BASE : IMAGE_BASE, state ? STATE_MAX_BYTES : IMAGE_MAX_BYTES))
        return "a segment lies outside of the image and the state region";
    if ((program->flags & ELF_WRITE) && (program->flags & ELF_EXECUTE))
        return "a segment is writable and executable";
    if (!(program->flags & ELF_READ) || (program->flags & ~7u))
        return "a segment's rights cannot be";
    if (state && (program->flags & 7) != (ELF_READ | ELF_WRITE))
        return "the state region's segment is not just readable and writable";
    if (image->segment_count == ELF_SEGMENTS)
        return "too many segments";

    struct elf_segment segment = {
        .va = program->va & PAGE_MASK,
        .va_offset = program->va & ~PAGE_MASK,
        .file_offset = program->offset,
        .file_bytes = program->file_bytes,
        .rights = program->flags,
        .state = state,
    };
    segment.pages = (segment.va_offset + program->memory_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *other = &image->segment[i];
        if (segment.va < other->va + other->pages * PAGE_BYTES && other->va < segment.va + segment.pages * PAGE_BYTES)
            return "two segments share a page";
    }
    image->segment[image->segment_count++] = segment;
    return NULL;
}

const char *elf_parse(const void *file, uint64_t bytes, struct elf_image *image)
{
    struct elf64_header elf;
    image->segment_count = 0;
    if (bytes < sizeof(elf))
        return "shorter than an ELF header";
    __builtin_memcpy(&elf, file, sizeof(elf));
    const char *error = check_header(&elf, bytes);
    for (unsigned i = 0; error == NULL && i < elf.program_count; i++) {
        struct elf64_program program;
        __builtin_memcpy(&program, (const uint8_t *)file + elf.program_offset + i * sizeof(program), sizeof(program));
        if (program.type == PROGRAM_DYNAMIC || program.type == PROGRAM_INTERP || program.type == PROGRAM_TLS)
            return "not statically linked, or with thread-local storage";
        if (program.type == PROGRAM_LOAD)
            error = add_segment(&program, bytes, image);
    }
    return error;
}

// The segment that holds [va, va + bytes) with these rights, or NULL.
static const struct elf_segment *find(const struct elf_image *image, uint64_t va, uint64_t bytes, uint32_t rights)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segment[i];
        if (segment->rights == rights && inside(va, bytes, segment->va, segment->pages * PAGE_BYTES))
            return segment;
    }
    return NULL;
}

static bool text_contains(const struct elf_image *image, uint64_t va, uint64_t bytes)
{
    return find(image, va, bytes, ELF_READ | ELF_EXECUTE) != NULL;
}

// 1 to CAP_NAME - 1 printable characters, then NULs.
static bool name_valid(const char name[CAP_NAME])
{
    unsigned length = 0;
    while (length < CAP_NAME && name[length] > ' ' && name[length] <= '~')
        length++;
    return length > 0 && length < CAP_NAME && name[length] == 0;
}

// L1's exits that only the kernel can handle: a partition that took one could take the machine.
static bool reason_claimable(const struct route_cap *route)
{
    if (exit_reason_name(route->reason) == NULL)
        return false;
    if (route->origin == ORIGIN_L2)
        return route->reason != EXIT_IO_SMI && route->reason != EXIT_OTHER_SMI;
    switch (route->reason) {
    case EXIT_CPUID: case EXIT_RDMSR: case EXIT_WRMSR: case EXIT_VMCALL:
        return route->kind == ROUTE_RANGE;
    case EXIT_IO:
        return route->kind == ROUTE_RANGE && route->first == HYPERCALL_PORT && route->last == HYPERCALL_PORT;
    case EXIT_GETSEC: case EXIT_VMCLEAR: case EXIT_VMLAUNCH: case EXIT_VMPTRLD: case EXIT_VMPTRST: case EXIT_VMREAD:
    case EXIT_VMRESUME: case EXIT_VMWRITE: case EXIT_VMXOFF: case EXIT_VMXON: case EXIT_INVEPT: case EXIT_INVVPID:
    case EXIT_VMFUNC:
        return true;
    default:
        return false;
    }
}

static bool route_has_key(const struct route_cap *route)
{
    return (route->reason == EXIT_IO && route->origin == ORIGIN_L1) || route->reason == EXIT_CPUID || route->reason == EXIT_RDMSR || route->reason == EXIT_WRMSR || route->reason == EXIT_VMCALL;
}

static const char *check_route(const struct partition_header *header, const struct route_cap *route)
{
    const uint64_t groups = (1ull << GROUP_COUNT) - 1;
    if (route->kind == ROUTE_NONE)
        return NULL;
    if (route->kind >= ROUTE_KINDS)
        return "a route of an unknown kind";
    if (route->origin >= ORIGIN_COUNT || (route->kind == ROUTE_OBSERVE ? route->reason != 0 : !reason_claimable(route)))
        return "a route for an exit that no partition may claim";
    if (route->kind == ROUTE_RANGE && (!route_has_key(route) || route->first > route->last))
        return "a route with a range that cannot be";
    const struct vmcs_cap *exited = &header->vmcs[route->origin == ORIGIN_L2 ? VMCS_KIND_02 : VMCS_KIND_01];
    if ((route->groups & groups & ~exited->read) || (route->groups & ~(groups | GROUP_GPR)))
        return "a route with groups that the partition may not read";
    if (route->groups_shadow & ~(header->vmcs[VMCS_KIND_SHADOW].read & groups))
        return "a route with groups of the shadow VMCS that the partition may not read";
    return NULL;
}

const char *elf_header(const void *file, const struct elf_image *image, struct partition_header *header)
{
    const struct elf_segment *first = find(image, IMAGE_BASE, sizeof(*header), ELF_READ);
    if (first == NULL || first->va != IMAGE_BASE || first->va_offset != 0 || first->file_bytes < sizeof(*header))
        return "the image does not start with a read-only partition header";
    __builtin_memcpy(header, (const uint8_t *)file + first->file_offset, sizeof(*header));

    if (header->magic != CAP_MAGIC)
        return "no partition header";
    if (header->abi != CAP_ABI || header->bytes != sizeof(*header))
        return "made for another ABI";
    if (!name_valid(header->name))
        return "a name that cannot be";
    if (!text_contains(image, header->entry, 1))
        return "the entry lies outside of the text";
    if (header->fixup_resume != 0 &&
        (header->fixup_first > header->fixup_last ||
         !text_contains(image, header->fixup_first, header->fixup_last - header->fixup_first) ||
         !text_contains(image, header->fixup_resume, 1)))
        return "the fixup lies outside of the text";
    if (header->state_bytes > STATE_MAX_BYTES)
        return "the state region is too large";
    for (unsigned i = 0; i < image->segment_count; i++)
        if (image->segment[i].state && !inside(image->segment[i].va, image->segment[i].pages * PAGE_BYTES, STATE_BASE,
                                               (header->state_bytes + PAGE_BYTES - 1) & PAGE_MASK))
            return "the state region is smaller than what is in it";
    if (header->vmcs02_count > VMCS02_MAX || (header->vmcs02_count > 0 && !(header->rights & RIGHT_VMCS02)))
        return "more VMCS02s than it may have";
    if (header->root_count > ROOT_MAX || (header->root_count > 0 && !(header->rights & RIGHT_EPT02)))
        return "more EPT02 roots than it may have";
    if (header->route_count > CAP_ROUTES)
        return "too many routes";
    for (unsigned i = 0; i < header->route_count; i++) {
        const char *error = check_route(header, &header->routes[i]);
        if (error != NULL)
            return error;
    }
    for (unsigned i = 0; i < CAP_CALLS; i++)
        if (header->calls[i][0] != 0 && !name_valid(header->calls[i]))
            return "the name of a call's target cannot be";
    return NULL;
}

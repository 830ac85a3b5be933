// SPDX-License-Identifier: BSD-2-Clause
// The strict parser of partitions' ELF files. Pure: fuzzed and tested on the host.
#include "elf_partition.h"

#include <stddef.h>

#include <caps/addr.h>
#include <caps/exit_reason.h>
#include <caps/hypercall.h>
#include <caps/layout.h>
#include <caps/seed.h>

#include "elf.h"

static const char *add_segment(const struct elf_program *program, struct boot_partition *image)
{
    if (program->bytes == 0)
        return NULL;
    bool state = program->address >= STATE_BASE;
    if (!elf_inside(program->address, program->bytes, state ? STATE_BASE : IMAGE_BASE, state ? STATE_MAX_BYTES : IMAGE_MAX_BYTES))
        return "a segment lies outside of the image and the state region";
    if ((program->flags & BOOT_WRITE) && (program->flags & BOOT_EXECUTE))
        return "a segment is writable and executable";
    if (!(program->flags & BOOT_READ) || (program->flags & ~7u))
        return "a segment's rights cannot be";
    if (state && (program->flags & 7) != (BOOT_READ | BOOT_WRITE))
        return "the state region's segment is not just readable and writable";
    if (image->segment_count == BOOT_SEGMENTS)
        return "too many segments";

    struct boot_segment segment = {
        .va = program->address & PAGE_MASK,
        .va_offset = program->address & ~PAGE_MASK,
        .file_offset = program->offset,
        .file_bytes = program->file_bytes,
        .rights = program->flags,
        .state = state,
    };
    segment.pages = (segment.va_offset + program->bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct boot_segment *other = &image->segment[i];
        if (segment.va < other->va + other->pages * PAGE_BYTES && other->va < segment.va + segment.pages * PAGE_BYTES)
            return "two segments share a page";
    }
    image->segment[image->segment_count++] = segment;
    return NULL;
}

static const char *read_segments(struct boot_partition *image, const void *file, uint64_t bytes)
{
    struct elf_header header;
    image->segment_count = 0;
    const char *error = elf_open(&header, file, bytes);
    for (unsigned i = 0; error == NULL && i < header.program_count; i++) {
        struct elf_program program;
        error = elf_program(&program, &header, i, file, bytes);
        if (error == NULL && program.type == ELF_LOAD)
            error = add_segment(&program, image);
    }
    return error;
}

// The segment that holds [va, va + bytes) with these rights, or NULL.
static const struct boot_segment *find(const struct boot_partition *image, uint64_t va, uint64_t bytes, uint32_t rights)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct boot_segment *segment = &image->segment[i];
        if (segment->rights == rights && elf_inside(va, bytes, segment->va, segment->pages * PAGE_BYTES))
            return segment;
    }
    return NULL;
}

static bool text_contains(const struct boot_partition *image, uint64_t va, uint64_t bytes)
{
    return find(image, va, bytes, BOOT_READ | BOOT_EXECUTE) != NULL;
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
    if (route->kind == ROUTE_TAKEN)
        return route->origin != ORIGIN_PAL && route->reason == EXIT_EPT_VIOLATION;
    if (route->kind == ROUTE_IN_VMX)
        return route->origin == ORIGIN_L1 && ((route->reason >= EXIT_VMCALL && route->reason <= EXIT_VMXOFF) || route->reason == EXIT_INVEPT ||
                                              route->reason == EXIT_INVVPID);
    if (route->origin != ORIGIN_L1)
        return route->reason != EXIT_IO_SMI && route->reason != EXIT_OTHER_SMI;
    switch (route->reason) {
    case EXIT_CPUID: case EXIT_RDMSR: case EXIT_WRMSR: case EXIT_VMCALL:
        return route->kind == ROUTE_RANGE;
    case EXIT_IO:
        return route->kind == ROUTE_RANGE && route->first == HYPERCALL_PORT && route->last == HYPERCALL_PORT;
    case EXIT_GETSEC: case EXIT_VMCLEAR: case EXIT_VMLAUNCH: case EXIT_VMPTRLD: case EXIT_VMPTRST: case EXIT_VMREAD:
    case EXIT_VMRESUME: case EXIT_VMWRITE: case EXIT_VMXOFF: case EXIT_VMXON: case EXIT_INVEPT: case EXIT_INVVPID:
    case EXIT_VMFUNC: case EXIT_TASK_SWITCH:
        return true;
    default:
        return false;
    }
}

static bool route_has_key(const struct route_cap *route)
{
    return (route->reason == EXIT_IO && route->origin != ORIGIN_PAL && route->last <= 0xffff) || route->reason == EXIT_CPUID || route->reason == EXIT_RDMSR ||
           route->reason == EXIT_WRMSR || route->reason == EXIT_VMCALL;
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
    if ((route->kind == ROUTE_TAKEN || route->origin == ORIGIN_PAL) && !(header->rights & RIGHT_PAL))
        return "a route for PALs without the right to them";
    const struct vmcs_cap *exited = &header->vmcs[route->origin != ORIGIN_L1 ? VMCS_KIND_02 : VMCS_KIND_01];
    if ((route->groups & groups & ~exited->read) || (route->groups & ~(groups | GROUP_GPR)))
        return "a route with groups that the partition may not read";
    if (route->groups_shadow & ~(header->vmcs[VMCS_KIND_SHADOW].read & groups))
        return "a route with groups of the shadow VMCS that the partition may not read";
    return NULL;
}

static const char *read_header(struct boot_partition *image, const void *file)
{
    struct partition_header *header = &image->header;
    const struct boot_segment *first = find(image, IMAGE_BASE, sizeof(*header), BOOT_READ);
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
    if (header->hang != 0 && !text_contains(image, header->hang, 1))
        return "the loop of a hang lies outside of the text";
    if (header->state_bytes > STATE_MAX_BYTES)
        return "the state region is too large";
    for (unsigned i = 0; i < image->segment_count; i++)
        if (image->segment[i].state && !elf_inside(image->segment[i].va, image->segment[i].pages * PAGE_BYTES, STATE_BASE,
                                               (header->state_bytes + PAGE_BYTES - 1) & PAGE_MASK))
            return "the state region is smaller than what is in it";
    if (header->seed != 0 && (!(header->rights & RIGHT_SECRETS) || header->seed % 8 != 0 ||
                              !elf_inside(header->seed, sizeof(struct seed), STATE_BASE, header->state_bytes)))
        return "a seed without the right to secrets, or outside of the state region";
    if (header->vmcs02_count > VMCS02_OWN_MAX || (header->vmcs02_count > 0 && !(header->rights & RIGHT_VMCS02)))
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

const char *elf_partition_read(struct boot_partition *image, const void *file, uint64_t bytes)
{
    const char *error = read_segments(image, file, bytes);
    return error != NULL ? error : read_header(image, file);
}

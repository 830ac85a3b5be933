// SPDX-License-Identifier: BSD-2-Clause
// Proof: a partition's header that read_header() accepts is the image's first bytes, its entry, its fixup and its loop lie in the image's text, and every number in it by which the kernel
// looks something up is in range; whatever the file says, nothing outside of its accepted segments is read (I5). Its routes: proof elf_route;
// how a segment is found and what a name is: proof elf_find.
// CBMC: unwind=7 loops=read_header.1:78 replace=check_route:contract_route,find:contract_find,name_valid:contract_name
#include "proof.h"

#include <stddef.h>

#include "../../kernel/boot_info.h"

static const uint8_t *const the_file = (const uint8_t *)0x100000;  // never dereferenced: every access is a copy
static struct boot_partition image;
static unsigned copies, routes_seen;
void contract_copy(void *to, const void *from, size_t bytes);

#define __builtin_memcpy contract_copy
#include "../../kernel/loader/elf_partition.c"

#define ONE 2  // the segment that is found, each time: which one it is doesn't matter
static struct { uint64_t va, bytes; } text[5];
static unsigned texts, names;

void contract_copy(void *to, const void *from, size_t bytes)
{
    const struct boot_segment *first = &image.segment[ONE];
    PROVE((uintptr_t)from == (uintptr_t)the_file + first->file_offset && bytes <= first->file_bytes && first->va_offset == 0, "the segment's first bytes");
    PROVE(first->va == IMAGE_BASE && first->rights == BOOT_READ, "which is the image's first one, and which the partition can't change");
    PROVE(to == &image.header && bytes == sizeof(image.header), "as the header");
    copies++;  // what there was before is anything, and so is the copy
}

const struct boot_segment *contract_find(const struct boot_partition *of, uint64_t va, uint64_t bytes, uint32_t rights)
{
    const struct boot_segment *one = &of->segment[ONE];
    if (any_bool())
        return NULL;
    if (rights == BOOT_READ) {
        ASSUME(one->rights == rights && va >= one->va && va - one->va <= one->pages * PAGE_BYTES && bytes <= one->pages * PAGE_BYTES - (va - one->va));
    } else {
        PROVE(rights == (BOOT_READ | BOOT_EXECUTE) && copies == 1, "in the text");
        text[texts].va = va;
        text[texts++].bytes = bytes;
    }
    return one;
}

bool contract_name(const char name[CAP_NAME])
{
    names |= 1u << (name == image.header.name ? CAP_CALLS : (unsigned)((name - image.header.calls[0]) / CAP_NAME));
    return any_bool();
}

const char *contract_route(const struct partition_header *header, const struct route_cap *route)
{
    PROVE(header == &image.header && route == &image.header.routes[routes_seen] && routes_seen < CAP_ROUTES, "each route of the header");
    routes_seen++;
    return any_bool() ? NULL : "refused";
}

// elf_open(), elf_program(): proof elf_parse.
const char *elf_open(struct elf_header *header, const void *file, uint64_t bytes) { (void)header, (void)file, (void)bytes; return "unused"; }
const char *elf_program(struct elf_program *program, const struct elf_header *header, unsigned index, const void *file, uint64_t bytes)
{
    (void)program, (void)header, (void)index, (void)file, (void)bytes;
    return "unused";
}

static bool in_text(uint64_t va, uint64_t bytes)
{
    for (unsigned i = 0; i < 4; i++)
        if (i < texts && text[i].va == va && text[i].bytes >= bytes)
            return true;
    return false;
}

int main(void)
{
    struct boot_partition some;
    image = some;
    ASSUME(image.segment_count <= BOOT_SEGMENTS);
    for (unsigned i = 0; i < BOOT_SEGMENTS; i++) {  // proof elf_segment
        const struct boot_segment *one = &image.segment[i];
        ASSUME(one->va % PAGE_BYTES == 0 && one->va < 1ull << 32 && one->pages > 0 && one->pages <= IMAGE_MAX_BYTES / PAGE_BYTES && one->va_offset < PAGE_BYTES);
        ASSUME(one->file_bytes <= one->pages * PAGE_BYTES - one->va_offset && one->file_offset < 1ull << 40);
    }
    if (read_header(&image, the_file) != NULL)
        return 0;
    const struct partition_header *header = &image.header;
    PROVE(copies == 1, "read once");
    PROVE(header->magic == CAP_MAGIC && header->abi == CAP_ABI, "of this ABI");
    PROVE(in_text(header->entry, 1), "the entry is text");
    PROVE(header->fixup_resume == 0 || (header->fixup_first <= header->fixup_last && in_text(header->fixup_resume, 1) &&
                                        in_text(header->fixup_first, header->fixup_last - header->fixup_first)), "the fixup is text");
    PROVE(header->hang == 0 || in_text(header->hang, 1), "the loop is text");
    PROVE(header->vmcs02_count <= VMCS02_MAX && header->root_count <= ROOT_MAX && header->route_count <= CAP_ROUTES, "counts in range");
    PROVE(header->vmcs02_count == 0 || (header->rights & RIGHT_VMCS02), "VMCS02s by right");
    PROVE(header->root_count == 0 || (header->rights & RIGHT_EPT02), "roots by right");
    PROVE(routes_seen == header->route_count, "every route is checked");
    unsigned call = any_below(CAP_CALLS);
    PROVE(names >> CAP_CALLS & 1, "the name is checked");
    PROVE(header->calls[call][0] == 0 || (names >> call & 1), "and so are those that it calls");
    PROVE(header->state_bytes <= STATE_MAX_BYTES, "a state region that fits");
    PROVE(header->seed == 0 || (header->rights & RIGHT_SECRETS), "a seed by right");
    PROVE(header->seed == 0 || (header->seed >= STATE_BASE && header->seed % 8 == 0 && header->seed - STATE_BASE < header->state_bytes &&
                                header->state_bytes - (header->seed - STATE_BASE) >= sizeof(struct seed)), "and in the state region");
    const struct boot_segment *one = &image.segment[any_below(BOOT_SEGMENTS)];
    if ((unsigned)(one - image.segment) < image.segment_count && one->state)
        PROVE(one->va >= STATE_BASE && one->va - STATE_BASE + one->pages * PAGE_BYTES <= ((header->state_bytes + PAGE_BYTES - 1) & PAGE_MASK),
              "and holds the segment in it");
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Files of any bytes as the kernel or a partition: refused, or all that is taken from them lies in them and where it may.
#include <stdlib.h>

#include <caps/addr.h>
#include <caps/layout.h>

#include "../../kernel/loader/elf_kernel.h"
#include "../../kernel/loader/elf_partition.h"
#include "check.h"
#include "input.h"

static void check_kernel(const struct elf_kernel *kernel, uint64_t bytes)
{
    uint64_t end = KERNEL_BASE;
    CHECK(kernel->segment_count <= KERNEL_SEGMENTS && kernel->bytes <= KERNEL_MAX_BYTES + PAGE_BYTES);
    for (unsigned i = 0; i < kernel->segment_count; i++) {
        const struct kernel_segment *segment = &kernel->segment[i];
        CHECK(segment->address >= end && segment->offset <= bytes && segment->file_bytes <= bytes - segment->offset);
        CHECK(segment->file_bytes <= segment->bytes && !(segment->write && segment->execute));
        end = segment->address + segment->bytes;
    }
    CHECK(end <= KERNEL_BASE + KERNEL_MAX_BYTES + PAGE_BYTES);
}

static void check_partition(const struct boot_partition *image, uint64_t bytes)
{
    CHECK(image->segment_count <= BOOT_SEGMENTS);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct boot_segment *segment = &image->segment[i];
        uint64_t base = segment->state ? STATE_BASE : IMAGE_BASE, size = segment->state ? STATE_MAX_BYTES : IMAGE_MAX_BYTES;
        CHECK(segment->va % PAGE_BYTES == 0 && segment->va >= base && segment->va - base <= size);
        CHECK(segment->pages <= (size - (segment->va - base)) / PAGE_BYTES);
        CHECK(segment->va_offset < PAGE_BYTES && segment->file_bytes <= segment->pages * PAGE_BYTES - segment->va_offset);
        CHECK(segment->file_offset <= bytes && segment->file_bytes <= bytes - segment->file_offset);
        CHECK(!((segment->rights & BOOT_WRITE) && (segment->rights & BOOT_EXECUTE)));
        for (unsigned k = 0; k < i; k++)
            CHECK(segment->va + segment->pages * PAGE_BYTES <= image->segment[k].va ||
                  image->segment[k].va + image->segment[k].pages * PAGE_BYTES <= segment->va);
    }
    CHECK(image->header.vmcs02_count <= VMCS02_OWN_MAX && image->header.root_count <= ROOT_MAX && image->header.route_count <= CAP_ROUTES);
    CHECK(image->header.state_bytes <= STATE_MAX_BYTES && strnlen(image->header.name, CAP_NAME) < CAP_NAME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct boot_partition image;
    static struct elf_kernel kernel;
    uint8_t *copy = malloc(bytes ? bytes : 1);  // where the address sanitizer sees a read behind the end
    memcpy(copy, data, bytes);
    if (elf_partition_read(&image, copy, bytes) == NULL)
        check_partition(&image, bytes);
    if (elf_kernel_read(&kernel, copy, bytes) == NULL)
        check_kernel(&kernel, bytes);
    free(copy);
    return 0;
}

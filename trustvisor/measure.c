// SPDX-License-Identifier: BSD-2-Clause
#include "measure.h"

#include <bearssl.h>

void measure(struct pal *pal)
{
    for (uint32_t i = 0; i < pal->section_count; i++) {
        const struct pal_section *section = &pal->section[i];
        const uint64_t bytes = section->pages * PAGE_BYTES;
        uint8_t digest[TV_HASH_BYTES];
        br_sha256_context context;
        br_sha256_init(&context);
        br_sha256_update(&context, &section->type, sizeof(section->type));
        if (section->type != TV_SECTION_STACK && section->type != TV_SECTION_PARAM)
            br_sha256_update(&context, &section->start, sizeof(section->start));
        br_sha256_update(&context, &bytes, sizeof(bytes));
        for (uint32_t page = 0; page < section->pages; page++)
            br_sha256_update(&context, pal_page(pal, section->first + page), PAGE_BYTES);
        br_sha256_out(&context, digest);
        (void)utpm_extended(&pal->utpm, 0, digest, pal->utpm.pcr[0]);
    }
}

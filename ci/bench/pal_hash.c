// SPDX-License-Identifier: BSD-2-Clause
// What trustvisor's measure.c is linked with here.

#include <rt/string.h>

#include "../../trustvisor/hash.h"
#include "../../trustvisor/measure.h"
#include "console.h"
#include "pal_hash.h"

static struct pal subject;
static uint8_t *subject_page[PAL_PAGES_MAX];

void *pal_page(const struct pal *pal, uint32_t page) { (void)pal; return subject_page[page]; }

enum tv_result utpm_extended(const struct utpm *utpm, uint32_t pcr, const uint8_t measurement[TV_HASH_BYTES], uint8_t out[TV_HASH_BYTES])
{
    hash_two(utpm->pcr[pcr], TV_HASH_BYTES, measurement, TV_HASH_BYTES, out);
    return TV_OK;
}

void pal_hash(const struct tv_sections *sections)
{
    subject.section_count = sections->count;
    for (uint32_t i = 0; i < sections->count; i++) {
        const struct tv_section *section = &sections->section[i];
        subject.section[i] = (struct pal_section){ section->type, section->pages, i, section->start };
        subject_page[i] = (uint8_t *)(uintptr_t)section->start;  // of one page each
    }
    measure(&subject);
}

// What libbearssl.a calls.
void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t capacity);
_Noreturn void __stack_chk_fail(void);

void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t capacity)
{
    if (bytes > capacity)
        console_error("a copy beyond its buffer", bytes);
    return memcpy(to, from, bytes);
}

void __stack_chk_fail(void) { console_error("the stack protector's value has changed", 0); }

// SPDX-License-Identifier: BSD-2-Clause
// Decodes segment descriptors (SDM 3A 3.4.5 "Segment Descriptors", 3.5 "System Descriptor Types"). Pure.
#include "segment.h"

#define RIGHTS_MASK     0xf0ffu
#define RIGHTS_ACCESSED 0x01u
#define RIGHTS_TSS_BUSY 0x8bu
#define TYPE_LDT        0x02u
#define TYPE_TSS        0x09u

static uint64_t word_at(const uint8_t *at)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)at[i] << (8 * i);
    return word;
}

// The descriptor's first 8 bytes; 0 where there is none.
static uint64_t descriptor(struct segment_table gdt, uint16_t selector, unsigned bytes)
{
    uint32_t offset = selector & ~7u;
    if (!offset || selector & 4 || !gdt.base || offset + bytes - 1 > gdt.limit)
        return 0;
    return word_at(gdt.base + offset);
}

static void decode(struct launch_segment *segment, uint64_t word, uint16_t selector)
{
    uint32_t limit = (uint32_t)((word & 0xffff) | (word >> 32 & 0xf0000));
    *segment = (struct launch_segment){
        .base = (word >> 16 & 0xffffff) | (word >> 32 & 0xff000000),
        .limit = word >> 55 & 1 ? limit << 12 | 0xfff : limit,
        .access_rights = word >> 40 & RIGHTS_MASK,
        .selector = selector,
    };
}

void segment_read(struct launch_segment *segment, struct segment_table gdt, uint16_t selector)
{
    uint64_t word = descriptor(gdt, selector, 8);
    decode(segment, word, selector);
    // The CPU set the accessed bit when it loaded the segment, though perhaps only in its own copy.
    segment->access_rights = word ? segment->access_rights | RIGHTS_ACCESSED : SEGMENT_UNUSABLE;
}

void segment_read_ldtr(struct launch_segment *segment, struct segment_table gdt, uint16_t selector)
{
    uint64_t word = descriptor(gdt, selector, 16);
    decode(segment, word, selector);
    if (!word || (segment->access_rights & 0x1f) != TYPE_LDT) {
        *segment = (struct launch_segment){.access_rights = SEGMENT_UNUSABLE, .selector = selector};
        return;
    }
    segment->base |= word_at(gdt.base + (selector & ~7u) + 8) << 32;
}

void segment_read_tr(struct launch_segment *segment, struct segment_table gdt, uint16_t selector)
{
    uint64_t word = descriptor(gdt, selector, 16);
    decode(segment, word, selector);
    if (!word || (segment->access_rights & 0x1d) != TYPE_TSS) {
        *segment = (struct launch_segment){.limit = 0xffff, .access_rights = RIGHTS_TSS_BUSY, .selector = selector};
        return;
    }
    segment->access_rights |= RIGHTS_TSS_BUSY;
    segment->base |= word_at(gdt.base + (selector & ~7u) + 8) << 32;
}

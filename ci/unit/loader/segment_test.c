// SPDX-License-Identifier: BSD-2-Clause
// Segment registers out of descriptor tables.
#include "../../../kernel/loader/segment.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

static uint8_t *table;

// null, code64 (not accessed), data, TSS available at 16 bytes, LDT at 16 bytes, a byte-granular segment
static struct segment_table gdt(void)
{
    static const uint64_t words[] = {0, 0x00af9a000000ffff, 0x12cf93345678ffff, 0x9a00890bcdef0067, 0x00000000ffff8123, 0x0000820010000017,
                                     0x0000000000000001, 0x004093000000000f};
    table = malloc(sizeof(words));
    memcpy(table, words, sizeof(words));
    return (struct segment_table){table, sizeof(words) - 1};
}

static void is(const struct launch_segment *s, uint16_t selector, uint64_t base, uint32_t limit, uint32_t rights)
{
    CHECK_EQ(s->selector, selector);
    CHECK_EQ(s->base, base);
    CHECK_EQ(s->limit, limit);
    CHECK_EQ(s->access_rights, rights);
}

TEST(segments_are_decoded)
{
    struct launch_segment s;
    struct segment_table t = gdt();
    segment_read(&s, t, 0x08);
    is(&s, 0x08, 0, 0xffffffff, 0xa09b);  // accessed: VM entry insists
    segment_read(&s, t, 0x10);
    is(&s, 0x10, 0x12345678, 0xffffffff, 0xc093);
    segment_read(&s, t, 0x3b);
    is(&s, 0x3b, 0, 0xf, 0x4093);
    segment_read_tr(&s, t, 0x18);
    is(&s, 0x18, 0xffff81239a0bcdef, 0x67, 0x8b);  // busy
    segment_read_ldtr(&s, t, 0x28);
    is(&s, 0x28, 0x100001000, 0x17, 0x82);
    free(table);
}

TEST(segments_without_descriptor_are_unusable)
{
    struct launch_segment s;
    struct segment_table t = gdt();
    for (unsigned selector = 0; selector < 4; selector++) {
        segment_read(&s, t, (uint16_t)selector);
        is(&s, (uint16_t)selector, 0, 0, SEGMENT_UNUSABLE);
    }
    segment_read(&s, t, 0x40);   // behind the table
    is(&s, 0x40, 0, 0, SEGMENT_UNUSABLE);
    segment_read(&s, t, 0xfff8);
    is(&s, 0xfff8, 0, 0, SEGMENT_UNUSABLE);
    segment_read(&s, t, 0x0c);   // in an LDT
    is(&s, 0x0c, 0, 0, SEGMENT_UNUSABLE);
    segment_read_ldtr(&s, t, 0);
    is(&s, 0, 0, 0, SEGMENT_UNUSABLE);
    segment_read_ldtr(&s, t, 0x08);  // a code segment
    is(&s, 0x08, 0, 0, SEGMENT_UNUSABLE);
    segment_read_tr(&s, t, 0);
    is(&s, 0, 0, 0xffff, 0x8b);
    segment_read_tr(&s, t, 0x38);    // only half a descriptor is left there
    is(&s, 0x38, 0, 0xffff, 0x8b);
    t.limit = 0;
    segment_read(&s, t, 0x08);
    is(&s, 0x08, 0, 0, SEGMENT_UNUSABLE);
    free(table);
}

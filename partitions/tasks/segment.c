// SPDX-License-Identifier: BSD-2-Clause

#include "segment.h"

#define V86_RIGHTS 0xf3u

const struct segment_fields segment_fields[SEGMENT_COUNT] = {
#define SEGMENT(name) [SEGMENT_##name] = { VMCS_GUEST_##name##_SELECTOR, VMCS_GUEST_##name##_BASE, VMCS_GUEST_##name##_LIMIT, \
                                           VMCS_GUEST_##name##_ACCESS_RIGHTS }
    SEGMENT(ES), SEGMENT(CS), SEGMENT(SS), SEGMENT(DS), SEGMENT(FS), SEGMENT(GS), SEGMENT(LDTR), SEGMENT(TR),
#undef SEGMENT
};
_Static_assert(VMCS_FIELD_COUNT <= 256, "a field's index fits a byte");

struct descriptor descriptor_of(uint64_t raw)
{
    const uint32_t limit = (uint32_t)(raw & 0xffff) | (uint32_t)(raw >> 32 & 0xf0000), rights = (uint32_t)(raw >> 40 & 0xf0ff);
    return (struct descriptor){
        .base = (uint32_t)(raw >> 16 & 0xffffff) | (uint32_t)(raw >> 32 & 0xff000000),
        .limit = rights & RIGHTS_G ? limit << 12 | 0xfff : limit,
        .rights = rights,
    };
}

static void set(uint64_t field[VMCS_FIELD_COUNT], enum segment segment, uint16_t selector, struct descriptor descriptor)
{
    const struct segment_fields *fields = &segment_fields[segment];
    field[fields->selector] = selector;
    field[fields->base] = descriptor.base;
    field[fields->limit] = descriptor.limit;
    field[fields->rights] = descriptor.rights;
}

void segment_set(uint64_t field[VMCS_FIELD_COUNT], enum segment segment, uint16_t selector, struct descriptor descriptor)
{
    if (descriptor.rights & RIGHTS_S)
        descriptor.rights |= RIGHTS_ACCESSED;
    set(field, segment, selector, descriptor);
}

void segment_set_unusable(uint64_t field[VMCS_FIELD_COUNT], enum segment segment, uint16_t selector, uint32_t dpl)
{
    set(field, segment, selector, (struct descriptor){ .rights = RIGHTS_UNUSABLE | dpl << 5 });
}

void segment_set_v86(uint64_t field[VMCS_FIELD_COUNT], enum segment segment, uint16_t selector)
{
    set(field, segment, selector, (struct descriptor){ (uint32_t)selector << 4, 0xffff, V86_RIGHTS });
}

// SPDX-License-Identifier: BSD-2-Clause
// VMCS fields by encoding and by group.

#include <caps/vmcs_feature.h>

#include "field.h"
#include "vmcap.h"

// Encoding bits 14:13 (width), 11:10 (class) and 5:1 (the index's low bits; no index is larger): a place for each field.
#define SLOT(encoding) ((((encoding) >> 13) & 3) << 7 | (((encoding) >> 10) & 3) << 5 | (((encoding) >> 1) & 31))
#define SLOTS          512u
#define ENCODING_USED  0x6c3fu  // all other bits are 0 in every encoding of the table

#define FIELD(name, encoding, group, policy, nested, exists) \
    _Static_assert(((encoding) & ~ENCODING_USED) == 0, #name "'s index has more bits than the table's places");
#include <caps/vmcs_field.def>
#undef FIELD

static const uint8_t field_at[SLOTS] = {  // index + 1, 0: none
#define FIELD(name, encoding, group, policy, nested, exists) [SLOT(encoding)] = VMCS_##name + 1,
#include <caps/vmcs_field.def>
#undef FIELD
};

uint64_t field_bits[VMCS_FIELD_COUNT];
uint8_t group_list[VMCS_FIELD_COUNT + GROUP_COUNT];
uint8_t group_first[GROUP_COUNT];

void field_init(void)
{
    uint32_t allowed1[WORD_COUNT];
    unsigned used = 0;

    for (unsigned word = 0; word < WORD_COUNT; word++)
        allowed1[word] = vmcap_allowed1((enum control_word)word);
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        const struct vmcs_field_info *about = &vmcs_field_info[field];
        field_bits[field] = vmcs_feature_exists((enum vmcs_feature)about->feature, allowed1) ? width_mask(encoding_width(about->encoding)) : 0;
    }
    for (unsigned group = 0; group < GROUP_COUNT; group++) {
        group_first[group] = (uint8_t)used;
        for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
            if (vmcs_field_info[field].group == group)
                group_list[used++] = (uint8_t)field;
        }
        group_list[used++] = VMCS_FIELD_COUNT;
    }
}

bool field_find(uint64_t encoding, struct field_ref *out)
{
    if (encoding & ~(uint64_t)(ENCODING_USED | 1))
        return false;
    const unsigned found = field_at[SLOT(encoding)];
    if (found == 0 || !field_exists((enum vmcs_field)(found - 1)))
        return false;
    out->field = (enum vmcs_field)(found - 1);
    out->high = encoding & 1;
    return !out->high || encoding_width((uint32_t)encoding) == WIDTH_64;
}

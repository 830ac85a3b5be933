// SPDX-License-Identifier: BSD-2-Clause
// VMCS fields by encoding and by group.

#include <caps/vmcs_feature.h>
#include <rt/info.h>

#include "field.h"
#include "shadow.h"
#include "vmcap.h"

#define FIELD(name, encoding, group, policy, nested, exists) _Static_assert((encoding) <= ENCODING_LAST, #name " lies behind the table's end");
#include <caps/vmcs_field.def>
#undef FIELD

uint8_t field_at[ENCODING_LAST / 2 + 1];
uint8_t field_group[VMCS_FIELD_COUNT + 1];
uint64_t field_shadowed;
uint64_t field_bits[VMCS_FIELD_COUNT];
uint8_t group_list[VMCS_FIELD_COUNT + GROUP_COUNT];
uint8_t group_first[GROUP_COUNT];

void field_init(void)
{
    uint32_t allowed1[WORD_COUNT];
    unsigned used = 0;

    field_shadowed = info->shadowing ? SHADOW_WRITTEN : 0;
    for (unsigned word = 0; word < WORD_COUNT; word++)
        allowed1[word] = vmcap_allowed1((enum control_word)word);
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        const struct vmcs_field_info *about = &vmcs_field_info[field];
        const bool exists = vmcs_feature_exists((enum vmcs_feature)about->feature, allowed1);
        field_bits[field] = exists ? width_mask(encoding_width(about->encoding)) : 0;
        field_at[about->encoding / 2] = exists ? (uint8_t)(field + 1) : 0;
        field_group[field + 1] = about->group;
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
    const unsigned found = encoding <= ENCODING_LAST ? field_at[encoding / 2] : 0;
    if (found == 0)
        return false;
    out->field = (enum vmcs_field)(found - 1);
    out->high = encoding & 1;
    return !out->high || encoding_width((uint32_t)encoding) == WIDTH_64;
}

uint64_t field_written(const struct field_ref *ref, uint64_t before, uint64_t value)
{
    return ref->high ? (before & 0xffffffff) | value << 32 : value & field_bits[ref->field];
}

bool field_read_only(enum vmcs_field field)
{
    return encoding_class(vmcs_field_info[field].encoding) == CLASS_INFO && !(vmcap_misc() & MISC_WRITE_INFO);
}

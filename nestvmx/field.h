// SPDX-License-Identifier: BSD-2-Clause
// VMCS fields as L1 names them: encodings, which of them exist for L1, and the fields of each group.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/vmcs_field.h>

// A field as VMREAD and VMWRITE name it.
struct field_ref {
    enum vmcs_field field;
    bool high;  // access type "high": bits 63:32 of a 64-bit field
};

// Builds the tables from vmcs_field.def and the capabilities that L1 is offered. After vmcap_init.
void field_init(void);

// By encoding without its lowest bit, the access type: index + 1 of the fields that L1 has, 0: none.
#define ENCODING_LAST 0x7fffu  // of 15 bits (SDM 3C 25.11.2)
extern uint8_t field_at[ENCODING_LAST / 2 + 1];
// The group of what field_at[] says.
extern uint8_t field_group[VMCS_FIELD_COUNT + 1];

// Whether L1 has a field with that encoding, and which (SDM 3C 25.11.2 "VMREAD, VMWRITE, and Encodings of VMCS Fields").
bool field_find(uint64_t encoding, struct field_ref *out);

// What a VMWRITE makes of a field whose value is before: of a half, or of all of it (SDM 3C 25.11.2). value: the operand.
uint64_t field_written(const struct field_ref *ref, uint64_t before, uint64_t value);

// Whether VMWRITE leaves the field alone: exit information, on most CPUs.
bool field_read_only(enum vmcs_field field);

// Groups that L1 may have written in its shadow VMCS since the copy had them.
extern uint64_t field_shadowed;

// The bits of its value; none where it doesn't exist on the CPU that L1 is shown.
extern uint64_t field_bits[VMCS_FIELD_COUNT];
static inline bool field_exists(enum vmcs_field field) { return field_bits[field] != 0; }

// The group's fields, ended by VMCS_FIELD_COUNT.
extern uint8_t group_list[VMCS_FIELD_COUNT + GROUP_COUNT];
extern uint8_t group_first[GROUP_COUNT];
static inline const uint8_t *group_fields(unsigned group) { return &group_list[group_first[group]]; }

// All of ES to GS, but for the rights of CS and SS.
#define SEGMENT_GROUPS (GROUP_DATA_SEL | GROUP_DATA_SEG | GROUP_SEG_BASE | GROUP_SEG)

// Runs the statement that follows for each field of the groups.
#define FOR_GROUPS(groups, field)                                                                                     \
    for (uint64_t left_ = (groups) & ~GROUP_GPR; left_ != 0; left_ &= left_ - 1)                                      \
        for (const uint8_t *field = group_fields((unsigned)__builtin_ctzll(left_)); *field < VMCS_FIELD_COUNT; field++)

_Static_assert(VMCS_FIELD_COUNT + GROUP_COUNT < 256, "a place in the list fits a byte");

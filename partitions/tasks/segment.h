// SPDX-License-Identifier: BSD-2-Clause
// Segment descriptors (SDM 3A 3.4.5 "Segment Descriptors"), and segment registers as guest-state fields.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/vmcs_field.h>

// In the order of a TSS.
enum segment { SEGMENT_ES, SEGMENT_CS, SEGMENT_SS, SEGMENT_DS, SEGMENT_FS, SEGMENT_GS, SEGMENT_LDTR, SEGMENT_TR, SEGMENT_COUNT };

struct segment_fields { uint8_t selector, base, limit, rights; };
extern const struct segment_fields segment_fields[SEGMENT_COUNT];

#define SELECTOR_RPL   3u
#define SELECTOR_LDT   4u
#define SELECTOR_NULL(selector) (((selector) & 0xfffc) == 0)

// Access rights, as the VMCS has them (SDM 3C 25.4.1 "Guest Register State").
#define RIGHTS_TYPE       0xfu
#define RIGHTS_ACCESSED   0x1u   // of types of code and data
#define RIGHTS_WRITABLE   0x2u   // of data; of code: readable
#define RIGHTS_BUSY       0x2u   // of TSSs
#define RIGHTS_CONFORMING 0x4u   // of code; of data: expands down
#define RIGHTS_CODE       0x8u
#define RIGHTS_S          0x10u  // code or data
#define RIGHTS_DPL(rights) ((rights) >> 5 & 3)
#define RIGHTS_P          0x80u
#define RIGHTS_DB         0x4000u
#define RIGHTS_G          0x8000u
#define RIGHTS_UNUSABLE   0x10000u
#define TYPE_LDT     0x2u
#define TYPE_TSS16   0x1u
#define TYPE_TSS32   0x9u
#define TYPE_TSS_32_BIT 0x8u     // what tells one from the other

struct descriptor { uint32_t base, limit, rights; };

// From its 8 bytes; the limit in bytes.
struct descriptor descriptor_of(uint64_t raw);

// A register as it is loaded: the type's accessed flag is set for code and data.
void segment_set(uint64_t field[VMCS_FIELD_COUNT], enum segment segment, uint16_t selector, struct descriptor descriptor);
// A register with nothing behind it; what its rights say of a privilege level stays.
void segment_set_unusable(uint64_t field[VMCS_FIELD_COUNT], enum segment segment, uint16_t selector, uint32_t dpl);
// As virtual-8086 mode has it (SDM 3C 27.3.1.2 "Checks on Guest Segment Registers").
void segment_set_v86(uint64_t field[VMCS_FIELD_COUNT], enum segment segment, uint16_t selector);

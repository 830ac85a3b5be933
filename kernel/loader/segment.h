// SPDX-License-Identifier: BSD-2-Clause
// Segment registers as VMX wants them, out of the descriptor table that they were loaded from.
#pragma once

#include <stdint.h>

#include "launch_state.h"

// Access rights (SDM 3C 25.4.1 "Guest Register State", table "Format of Access Rights").
#define SEGMENT_UNUSABLE 0x10000u

struct segment_table { const uint8_t *base; uint32_t limit; };  // the GDT: limit is the last byte's offset

// ES, CS, SS, DS, FS, GS. FS' and GS' bases are MSRs: the caller sets them. A null selector or one outside the table: unusable.
void segment_read(struct launch_segment *segment, struct segment_table gdt, uint16_t selector);

// LDTR and TR, whose descriptors have 16 bytes (SDM 3A 7.2.3 "TSS Descriptor in 64-bit mode").
void segment_read_ldtr(struct launch_segment *segment, struct segment_table gdt, uint16_t selector);
// A TR that was never loaded comes out as after a reset, but busy: VM entry insists (SDM 3C 27.3.1.2 "Checks on Guest Segment Registers").
void segment_read_tr(struct launch_segment *segment, struct segment_table gdt, uint16_t selector);

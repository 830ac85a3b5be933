// SPDX-License-Identifier: BSD-2-Clause
// A partition that is debugged: two pages of image (text, data), channels of two CPUs, of which the outboxes can be written.
#pragma once

#include <stdint.h>

#include <caps/addr.h>
#include <caps/cap.h>
#include <caps/ring.h>

#define FAKE_ENTRY (IMAGE_BASE + 0x800)
#define FAKE_DATA  (IMAGE_BASE + PAGE_BYTES)
#define FAKE_CPUS  2

extern union fake_image { struct partition_header header; uint8_t byte[2 * PAGE_BYTES]; uint64_t word[2 * PAGE_BYTES / 8]; } fake_image;
extern struct channel fake_channel[FAKE_CPUS];

// As loaded: the text is 0x90s, but for the header.
void fake_debugged_load(void);

// What must hold whatever has come: nothing that can't be written has changed.
void fake_debugged_check(void);

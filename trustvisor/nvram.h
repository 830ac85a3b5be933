// SPDX-License-Identifier: BSD-2-Clause
// The micro-TPM's NVRAM: TV_NV_BYTES for each measurement (PCR 0 as it is at the call), until the machine's reset or the partition's end. A PAL that has looked
// at its area or written to it holds it until it ends: no other PAL, of the same measurement, comes between its reading and its writing.
#pragma once

#include <stdint.h>

#include <trustvisor/abi.h>

#define NVRAM_AREAS 64

// By the PAL of that number. TV_ERROR: another one holds the area, or all areas are others'.
enum tv_result nvram_read(uint32_t pal, const uint8_t owner[TV_HASH_BYTES], uint8_t out[TV_NV_BYTES]);  // ones where nothing was written yet
// All of it or nothing, wherever its message is cut short; done twice it is as once.
enum tv_result nvram_write(uint32_t pal, const uint8_t owner[TV_HASH_BYTES], const uint8_t data[TV_NV_BYTES]);
// The PAL ends: what it wrote stays.
void nvram_release(uint32_t pal);

// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 of what lies in memory.
#pragma once

#include <stdint.h>

#include <trustvisor/abi.h>

void hash_one(const void *data, uint32_t bytes, uint8_t out[TV_HASH_BYTES]);
// Of both, one behind the other; out may be one of them.
void hash_two(const void *first, uint32_t first_bytes, const void *second, uint32_t second_bytes, uint8_t out[TV_HASH_BYTES]);

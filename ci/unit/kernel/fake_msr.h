// SPDX-License-Identifier: BSD-2-Clause
// The tests' MSRs in the place of the CPU's: included before every source of those that want them.
#pragma once

#include "../../../kernel/msr.h"

uint64_t fake_msr_read(uint32_t msr);
void fake_msr_write(uint32_t msr, uint64_t value);
bool fake_msr_read_safe(uint32_t msr, uint64_t *value);
bool fake_msr_write_safe(uint32_t msr, uint64_t value);

#define msr_read       fake_msr_read
#define msr_write      fake_msr_write
#define msr_read_safe  fake_msr_read_safe
#define msr_write_safe fake_msr_write_safe

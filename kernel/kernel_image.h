// SPDX-License-Identifier: BSD-2-Clause
// The kernel's segments, as kernel.ld lays them out: page-aligned, the first at KERNEL_BASE.
#pragma once

extern const char text_start[], text_end[], rodata_start[], rodata_end[];
extern char data_start[], data_end[];

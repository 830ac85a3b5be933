// SPDX-License-Identifier: BSD-2-Clause
// The records (caps/records.h) as they are before the first log line.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../boot_info.h"
#include "memory.h"

// Takes their memory and fills in what is known of the machine and the partitions, which info has. Behind cpu_blocks_make() and load_place(). boot_time: the
// firmware's clock, seconds since 1970, 0 where there is none. False: not enough memory.
bool records_make(struct boot_info *info, struct memory *memory, const char *workload, uint64_t boot_time);

// How many pages are the kernel's to give out, once info has them all.
void records_free(const struct boot_info *info);

// SPDX-License-Identifier: BSD-2-Clause
// What the kernel writes down for others to read (caps/records.h): all but the CPUs' part, which is in struct cpu.
#pragma once

#include <caps/records.h>

#include "boot_info.h"

extern struct records_own records;

// Fills in what is known from the start. Before the first log line.
void records_init(const struct boot_info *info);

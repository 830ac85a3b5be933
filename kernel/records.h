// SPDX-License-Identifier: BSD-2-Clause
// What the kernel writes down for others to read (caps/records.h): all but the CPUs' part, which is in struct cpu.
#pragma once

#include <caps/records.h>

// On pages of its own, which partitions with RIGHT_RECORDS may read. The loader has filled in what is known from the start (loader/records.c).
extern struct records_own *records;

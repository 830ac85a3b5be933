// SPDX-License-Identifier: BSD-2-Clause
// What the kernel records (caps/records.h says what is in it), for partitions with RIGHT_RECORDS. The kernel writes there at any time.
#pragma once

#include <caps/records.h>

extern const volatile struct records rt_records;  // placed by partition.ld; the CPUs' parts follow (RECORDS_CPU_BASE)

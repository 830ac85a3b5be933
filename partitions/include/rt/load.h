// SPDX-License-Identifier: BSD-2-Clause
// Loading and unloading other partitions. Needs RIGHT_LOAD.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/loadable.h>
#include <caps/status.h>

extern const struct loadables rt_loadables;  // placed by partition.ld

// Has the loadable partition with that number started or ended. BUSY, BAD_STATE: it is as it was (caps/syscall.h).
NODISCARD enum status rt_load(uint32_t partition, bool on);

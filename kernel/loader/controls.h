// SPDX-License-Identifier: BSD-2-Clause
// What the kernel is to make of the CPUs' VMX.
#pragma once

#include <caps/info.h>

#include "../boot_info.h"
#include "vtx.h"

// From the facts of a CPU that nothing is missing on (vtx_missing). VMX will be locked on (launch.c).
void controls_make(struct vmx_caps *caps, const struct vtx_facts *facts);

// What partitions are told of that. partition is for each to fill in.
void controls_tell(struct info *info, const struct vmx_caps *caps, const struct vtx_facts *facts, uint32_t cpu_count);

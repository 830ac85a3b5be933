// SPDX-License-Identifier: BSD-2-Clause
// Which features of the CPU L1 isn't told of.
#pragma once

#include "../boot_info.h"

// From the controls that the CPU has, and from what the partitions route: VMX is there if one of them takes VMXON.
void hide_make(struct boot_cpuid *keep, const struct boot_info *info);

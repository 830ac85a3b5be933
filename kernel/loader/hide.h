// SPDX-License-Identifier: BSD-2-Clause
// What CPUID tells L1 that the CPU doesn't say, and the reverse.
#pragma once

#include "../boot_info.h"

// From the controls that the CPU has, and from what the partitions route: VMX is there if one of them takes VMXON. info's counts of CPUs and partitions are told, too.
void hide_make(struct boot_cpuid cpuid[BOOT_CPUIDS], const struct boot_info *info);

// SPDX-License-Identifier: BSD-2-Clause
// Partitions that come and go while L1 runs, as the configuration lets them.
#pragma once

#include "partition.h"

// One of boot_info->loadable. Loads a dormant one and sends MSG_INIT, or makes a ready one dormant: all CPUs leave it, and nothing of it is left.
// CPUs that have found its routes before ask the next ones. But for FAULTED it is as it was where this fails.
//   STATUS_BAD_STATE: it is so already
//   STATUS_FAULTED: it is parked, or its init fails: it is dormant then, or parked where it has taken something
//   STATUS_BUSY: another CPU loads one or restarts it, or a page of L1's or a VMCS is still the partition's
NODISCARD enum status loadable_set(struct partition *partition, struct cpu *cpu, bool on);

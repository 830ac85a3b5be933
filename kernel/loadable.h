// SPDX-License-Identifier: BSD-2-Clause
// Partitions that come and go while L1 runs, as the configuration lets them.
#pragma once

#include "partition.h"

// One of boot_info->loadable. Loads a dormant one and sends MSG_INIT, or makes a ready one dormant: all CPUs leave it, and nothing of it is left. STATUS_BAD_STATE: it isn't dormant, isn't ready;
// STATUS_FAULTED: its init fails; STATUS_BUSY: another CPU loads one, or a page of L1's or a VMCS is still the partition's. It is as it was then. CPUs that have found its routes
// before ask the next ones.
NODISCARD enum status loadable_set(struct partition *partition, struct cpu *cpu, bool on);

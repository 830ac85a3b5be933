// SPDX-License-Identifier: BSD-2-Clause
// The system call that loads and unloads partitions.

#include <rt/load.h>

#include "syscall.h"

enum status rt_load(uint32_t partition, bool on) { return (enum status)syscall_load(partition, on); }

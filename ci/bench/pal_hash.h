// SPDX-License-Identifier: BSD-2-Clause
// The hash of a registration alone: trustvisor's own code.
#pragma once

#include <trustvisor/abi.h>

void pal_hash(const struct tv_sections *sections);

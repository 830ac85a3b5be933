// SPDX-License-Identifier: BSD-2-Clause
// The info page: what the kernel tells about the machine (caps/info.h says what is in it).
#pragma once

#include <caps/info.h>

extern const struct info rt_info_page;  // placed by partition.ld
static const struct info *const info __attribute__((unused)) = &rt_info_page;

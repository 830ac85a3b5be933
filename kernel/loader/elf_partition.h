// SPDX-License-Identifier: BSD-2-Clause
// A partition's ELF file: what is accepted, and where its segments go. Strict: whatever isn't a plain static image is refused. The kernel loads a
// partition from what this makes of it, and looks at no ELF file itself.
#pragma once

#include <stdint.h>

#include "../boot_info.h"

// Reads the image's segments and the header that it starts with, and checks both. Returns NULL, or what is wrong with it; bytes may be any garbage.
// Of image, base and callee are left as they are.
const char *elf_partition_read(struct boot_partition *image, const void *file, uint64_t bytes);

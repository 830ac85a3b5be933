// SPDX-License-Identifier: BSD-2-Clause
// The manifest: which files this loader was built with. Anything else isn't started.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <caps/cap.h>

#define MANIFEST_WHY 100
#define MANIFEST_FILE (CAP_NAME + 4)

// The name of the file that holds that partition.
void manifest_file(char file[MANIFEST_FILE], const char *partition);

struct manifest_entry { const char *name; size_t bytes; uint8_t blake2b[32], sha256[32]; };

// Compares a file with the manifest. False with the reason: not in it, truncated, damaged.
bool manifest_check(const char *name, const void *data, size_t bytes, char why[MANIFEST_WHY]);

// SHA-256 of a file that is in the manifest: by that it is known where it is signed (caps/loadable.h).
const uint8_t *manifest_sha256(const char *name);

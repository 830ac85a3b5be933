// SPDX-License-Identifier: BSD-2-Clause
// The next image: what the machine boots, with or without Bulkhead below it.
#pragma once

#include <efi.h>

// Loads the image from the loader's own volume and starts it with load options. Returns only where it can't be started (after a line on the console)
// or when it comes back: with the status for the firmware, which then goes on with its boot order.
EFI_STATUS next_start(const char *path, const char *options);

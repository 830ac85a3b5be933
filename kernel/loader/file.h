// SPDX-License-Identifier: BSD-2-Clause
// Files of the volume that the loader came from.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct file {
    void *data;    // whole pages: file_free
    size_t bytes;
};

// Reads all of a file, at most `most` bytes. path is ASCII with backslashes. False after one line on the console: not found, unreadable, too long.
bool file_read(struct file *file, const char *path, size_t most);

void file_free(struct file *file);

// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 of a file that comes in blocks, with what has to be known of it from one message to the next.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/loadable.h>

struct file_hash {
    uint64_t state[LOAD_HASH_BYTES / sizeof(uint64_t)];  // of the blocks so far, or the hash where it is complete
    uint64_t bytes;
    uint64_t complete;                                   // the last block has come
};

// The hash of no bytes yet.
void file_hash_begin(struct file_hash *hash);

// Adds the next block, of at most LOAD_BLOCK bytes. One of fewer is the last: no other may follow.
void file_hash_add(struct file_hash *hash, const void *block, uint32_t bytes);

// No other block follows. state is the hash then.
void file_hash_end(struct file_hash *hash);

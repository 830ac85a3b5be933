// SPDX-License-Identifier: BSD-2-Clause
// What a partition with RIGHT_LOAD is told: which partitions L1 may load and unload while it runs, and whose signature that takes. Read-only, in the
// info page's upper half, constant after boot.
#pragma once

#include <stdint.h>

#include <caps/cap.h>
#include <caps/layout.h>

#define LOADABLES_AT (INFO_BASE + 0x800)

#define LOAD_HASH_BYTES 32u  // SHA-256
#define LOAD_KEY_BYTES  64u  // a point of P-256: X and Y, big-endian
#define LOAD_BLOCK      64u  // bytes of a file that one hypercall hands over: R8 to R15

struct loadable { char name[CAP_NAME]; uint8_t hash[LOAD_HASH_BYTES]; };  // name is empty: not one of them; hash: of its file
struct loadables {
    uint8_t key[LOAD_KEY_BYTES];
    struct loadable partition[PARTITION_MAX];
};
_Static_assert(sizeof(struct loadables) <= 0x800, "half a page");

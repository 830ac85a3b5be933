// SPDX-License-Identifier: BSD-2-Clause
// Proof: share_window() of the loader enters the window's tables at the window's place in a partition's top-level table, not executable, and writable only if that
// was asked for; nothing else changes (I5, I6).
// CBMC: unwind=9
#include "proof.h"

#include "../../kernel/loader/space.c"

#define ROOT 8u  // of a top-level table, so many entries

int main(void)
{
    uint64_t root[ROOT], before[ROOT], window[ROOT];
    bool writable = any_bool();
    for (unsigned i = 0; i < ROOT; i++)
        root[i] = before[i];
    share_window(root, window, writable);
    unsigned i = any_below(ROOT);
    if (root[i] == before[i])
        return 0;
    PROVE(i - WINDOW_BASE / ROOT_ENTRY < WINDOW_BYTES / ROOT_ENTRY, "nothing outside of the window's place");
    PROVE(window[i] != 0 && ((root[i] ^ window[i]) & 0x000ffffffffff000) == 0, "the window's table for there");
    PROVE((root[i] & 5) == 5 && root[i] >> 63 == 1, "for ring 3, never executable");
    PROVE(!(root[i] & 2) == !writable, "writable by right");
    return 0;
}

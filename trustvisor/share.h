// SPDX-License-Identifier: BSD-2-Clause
// Pages that a program lends to a PAL for its next call: the PAL reads and writes them where the program has them, and nobody else does. They come back with
// what the PAL has left there.
#pragma once

#include "register.h"

// addresses and lengths: `count` words of the program's each; whole pages. They are lent beside what was lent for that call before. rep: of the message; its list of operations is used.
struct registered share_pal(const struct request *req, struct reply *rep, struct caller *caller, uint64_t entry, uint64_t addresses, uint64_t lengths,
                            uint64_t count);

// What is being lent is lent: the message can't be undone any more.
void share_keep(struct pal *pal);
// They go back. The PAL doesn't run. rep: its list of operations is used, and empty afterwards.
void share_end(struct pal *pal, struct reply *rep);
// In MSG_INIT: the same of what was being lent or given back when it was cut short; and nothing else.
void share_rest(struct pal *pal, struct reply *rep);

// SPDX-License-Identifier: BSD-2-Clause
// narcissus, for tests: would call itself, without end. It must not be loaded.

#include <rt/partition.h>

const struct partition_header header PARTITION_SECTION = {
    PARTITION("narcissus"),
    .calls = { "narcissus" },
};

void partition_message(const struct request *req, struct reply *rep)
{
    (void)req;
    (void)rep;
}

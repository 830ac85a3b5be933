// SPDX-License-Identifier: BSD-2-Clause
// Proof: hidden_overlaps() says whether a range and hidden memory have a byte in common, for every range that ends below 2^63 (I1).
// CBMC: unwind=2
#include "any_ept01.h"
#include "no_machine.h"

#include "../../kernel/pool.c"

static struct records_own own;
struct records_own *records = &own;

const struct vmx_caps *vmx_caps;

int main(void)
{
    any_hidden();
    uint64_t base = any_u64(), bytes = any_u64(), byte = any_u64();
    ASSUME(base < 1ull << 62 && bytes > 0 && bytes < 1ull << 62);
    bool overlaps = hidden_overlaps((hpa_t){ base }, bytes);
    if (byte >= base && byte < base + bytes && byte >= hidden_base.v && byte < hidden_base.v + hidden_bytes)
        PROVE(overlaps, "a byte that is in both is found");
    if (overlaps) {
        uint64_t common = base > hidden_base.v ? base : hidden_base.v;
        PROVE(common - base < bytes && common - hidden_base.v < hidden_bytes, "and there is one");
    }
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Proof: hidden_overlaps() says whether a range has a byte in common with hidden memory or with a VT-d unit's registers, for every range that ends below 2^63 (I1, I7).
// CBMC: unwind=4
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 1
#undef PARTITION_MAX
#define PARTITION_MAX 1
#include "any_ept01.h"
#include "no_machine.h"

#include "../../kernel/pool.c"

static struct records_own own;
struct records_own *records = &own;

const struct vmx_caps *vmx_caps;
static struct boot_info info;
const struct boot_info *boot_info = &info;

#define UNITS 2

static bool both(uint64_t byte, uint64_t base, uint64_t bytes) { return byte >= base && byte - base < bytes; }

static bool common(uint64_t base, uint64_t bytes, uint64_t other, uint64_t other_bytes)
{
    uint64_t first = base > other ? base : other;
    return both(first, base, bytes) && both(first, other, other_bytes);
}

int main(void)
{
    any_hidden();
    info.hidden_base = hidden_base;
    info.hidden_bytes = hidden_bytes;
    info.vtd_count = any_below(UNITS + 1);
    for (unsigned i = 0; i < UNITS; i++) {
        info.vtd[i].base = any_u64();
        info.vtd[i].bytes = any_u64();
        ASSUME(info.vtd[i].base < 1ull << 32 && info.vtd[i].bytes > 0 && info.vtd[i].bytes < 1ull << 32);
    }
    uint64_t base = any_u64(), bytes = any_u64(), byte = any_u64();
    ASSUME(base < 1ull << 62 && bytes > 0 && bytes < 1ull << 62);
    bool overlaps = hidden_overlaps((hpa_t){ base }, bytes);
    bool hidden = both(byte, hidden_base, hidden_bytes), shared = common(base, bytes, hidden_base, hidden_bytes);
    for (unsigned i = 0; i < info.vtd_count; i++) {
        hidden = hidden || both(byte, info.vtd[i].base, info.vtd[i].bytes);
        shared = shared || common(base, bytes, info.vtd[i].base, info.vtd[i].bytes);
    }
    if (both(byte, base, bytes) && hidden)
        PROVE(overlaps, "a byte that is in both is found");
    if (overlaps)
        PROVE(shared, "and there is one");
    return 0;
}

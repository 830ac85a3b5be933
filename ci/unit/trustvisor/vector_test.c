// SPDX-License-Identifier: BSD-2-Clause
// Which CPUs' vector state an area is large enough for.
#include "../check.h"

#define insn_cpuid  of_this_cpu
#define insn_xgetbv of_this_cpu_too
#include "../../../trustvisor/cpuid_insn.h"
#include "../../../trustvisor/vector_insn.h"
#undef insn_cpuid
#undef insn_xgetbv

static uint32_t features, bytes_by_xcr0, bytes_in_all;  // CPUID.1:ECX; CPUID.0DH:EBX and ECX

static void insn_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    CHECK(subleaf == 0 && (leaf == 1 || leaf == 0xd));
    out[0] = out[3] = 0;
    out[1] = leaf == 1 ? 0 : bytes_by_xcr0;
    out[2] = leaf == 1 ? features : bytes_in_all;
}

static uint32_t insn_xgetbv(void)
{
    CHECK(features & 1u << 27);  // else it is #UD
    return 3;
}

#include "../../../trustvisor/vector.c"

static bool fits(uint32_t cpu_features, uint32_t bytes_now, uint32_t bytes_most)
{
    features = cpu_features;
    bytes_by_xcr0 = bytes_now;
    bytes_in_all = bytes_most;
    return vector_fits();
}

TEST(what_l1_may_switch_on_later_fits_too)
{
    const uint32_t has = 1u << 26, on = has | 1u << 27;
    CHECK(fits(0, 0, 0));
    CHECK(fits(on, 576, PAL_VECTORS));
    CHECK(!fits(on, 576, PAL_VECTORS + 1));
    CHECK(!fits(on, PAL_VECTORS + 1, PAL_VECTORS + 1));
    CHECK(fits(has, 576, PAL_VECTORS));  // before L1 has switched anything on
    CHECK(!fits(has, 576, PAL_VECTORS + 1));
}

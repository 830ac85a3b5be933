// SPDX-License-Identifier: BSD-2-Clause
// VMCS12s that hold anything.
#include <string.h>

#include "l1.h"

// Nothing that a region can hold makes the partition fault, and no entry succeeds with rubbish.
TEST(random_regions)
{
    uint64_t seed = 1;
    l1_start_with_vmcs();
    for (unsigned round = 0; round < 300; round++) {
        uint64_t *region = world_at(VMCS_PAGE + 0x1000);
        for (unsigned i = 1; i < 512; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            region[i] = seed >> (seed & 31);
        }
        region[1] = round & 1;
        l1_set_region(VMCS_PAGE + 0x1000, REVISION);
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + 0x1000), SUCCEEDED);
        CHECK_EQ(l1_execute(round & 1 ? EXIT_VMRESUME : EXIT_VMLAUNCH), FAILED_VALID);
        CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE + 0x1000), SUCCEEDED);
    }
}

// A good VMCS12 with random bits flipped: whatever comes out, no fault; what the CPU is given passes the kernel.
TEST(random_bits)
{
    uint64_t seed = 7;
    l1_start_with_vmcs();
    l1_fill_vmcs();
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    static uint8_t good[4096];
    memcpy(good, world_at(VMCS_PAGE), sizeof(good));
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t *region = world_at(VMCS_PAGE);
        memcpy(region, good, sizeof(good));
        for (unsigned flips = 0; flips <= round % 3; flips++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            region[16 + (seed >> 40) % 1400] ^= (uint8_t)(1u << ((seed >> 33) & 7));
        }
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
        if (l1_execute(EXIT_VMLAUNCH) == ENTERED_L2)
            CHECK_EQ(l2_exit(EXIT_TRIPLE_FAULT), ENTERED_L1);
        l1_state();
        CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    }
}

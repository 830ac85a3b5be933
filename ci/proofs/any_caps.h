// SPDX-License-Identifier: BSD-2-Clause
// Any CPU that Bulkhead runs on: what the loader's controls_make() is taken to leave.
#pragma once

#include "proof.h"

#include "../../kernel/vmx_caps.h"

static struct vmx_caps some_caps;
const struct vmx_caps *vmx_caps = &some_caps;

static inline void any_caps(void)
{
    struct vmx_caps caps;
    for (unsigned word = 0; word < WORD_COUNT; word++) {
        ASSUME((caps.allowed0[word] & ~caps.allowed1[word]) == 0);
        ASSUME((caps.forced1[word] & ~caps.allowed1[word]) == 0);
        ASSUME((caps.forced0[word] & caps.allowed0[word]) == 0);
        ASSUME((caps.forced0[word] & caps.forced1[word]) == 0);
    }
    ASSUME((caps.cr4_fixed0 & ~caps.cr4_supported) == 0);
    ASSUME(caps.physical_bits >= 32 && caps.physical_bits <= 52);
    some_caps = caps;
}

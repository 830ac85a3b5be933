// SPDX-License-Identifier: BSD-2-Clause
// The info page of a CPU like Skylake-X.

#include <caps/cap.h>
#include <caps/vmcs_feature.h>

#include "harness.h"

struct info world_info;

static void force(struct info *page)
{
    enum { NONE, REQUIRED, WANTED, FORCED, NEVER };
#define CONTROL(word, name, bit, l0, l1)           \
    if (l0 == FORCED)                              \
        page->forced1[WORD_##word] |= 1ull << bit; \
    if (l0 == NEVER)                               \
        page->forced0[WORD_##word] |= 1ull << bit;
#include <caps/vmx_control.def>
#undef CONTROL
}

__attribute__((constructor)) static void fill(void)
{
    world_info = (struct info){
        .abi = CAP_ABI,
        .cpu_count = 4,
        .partition = 0,
        .physical_bits = 40,
        .linear_bits = 48,
        .shadowing = 1,
        .vmx_msr = {
            0x00da040000000004, // BASIC: 1024 bytes, write-back, INS/OUTS information, TRUE controls
            0x0000007f00000016, // PINBASED_CTLS
            0xfff9fffe0401e172, // PROCBASED_CTLS
            0x01ffffff00036dff, // EXIT_CTLS
            0x0003ffff000011ff, // ENTRY_CTLS
            0x00000000600401e0, // MISC
            0x0000000080000021, // CR0_FIXED0
            0x00000000ffffffff, // CR0_FIXED1
            0x0000000000002000, // CR4_FIXED0
            0x00000000003767ff, // CR4_FIXED1
            0x000000000000002e, // VMCS_ENUM
            0x02577fff00000000, // PROCBASED_CTLS2
            0x00000f0106734141, // EPT_VPID_CAP
            0x0000007f00000016, // TRUE_PINBASED_CTLS
            0xfff9fffe04006172, // TRUE_PROCBASED_CTLS
            0x01ffffff00036dfb, // TRUE_EXIT_CTLS
            0x0003ffff000011fb, // TRUE_ENTRY_CTLS
            0x0000000000000001, // VMFUNC
        },
        .cr4_supported = 0x003767ff,
        .feature_control = 0x5,
    };
    force(&world_info);
}

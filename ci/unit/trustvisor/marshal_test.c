// SPDX-License-Identifier: BSD-2-Clause
// Parameters of calls: what the PAL finds in its area, what its program finds afterwards.
#include <string.h>

#include "../../../trustvisor/pal.h"
#include "program.h"

static const uint8_t register_of[] = { GPR_RDI, GPR_RSI, GPR_RDX, GPR_RCX, GPR_R8, GPR_R9 };
static unsigned rights;
static uint32_t word;

static uint8_t *inside(uint64_t address) { return pal_sees(0, address, &rights); }
static uint8_t *outside(uint64_t address) { return world_at(FRAME_OF(address)); }

// Parameter i of the call that is about to be made, or of the one that the PAL has got.
static void give(unsigned i, uint64_t value)
{
    if (word == 8)
        world_gpr[register_of[i]] = value;
    else
        memcpy(outside(CALL_RSP) + 4 + 4 * i, &value, 4);
}

static uint64_t got(unsigned i)
{
    uint64_t value = 0;
    if (word == 8)
        return world_gpr[register_of[i]];
    memcpy(&value, inside(PAL_VMCS(0)[VMCS_GUEST_RSP] + 4 + 4 * i), 4);
    return value;
}

static void starts(uint32_t width)
{
    word = width;
    program_start(width);
}

static void param(enum tv_param_type type, uint64_t words)
{
    program_params->param[program_params->count++] = (struct tv_param){ (uint32_t)type, 0, words };
}

// Pointers that overlap by all but one word: the PAL changes what the first one points to, and leaves its copy of the second as it is.
static void first_wins(uint32_t width)
{
    starts(width);
    param(TV_PARAM_POINTER, 4);
    param(TV_PARAM_POINTER, 4);
    CHECK_EQ(program_register(), 0);
    memset(outside(BUFFER_PAGE), 0x11, 5 * word);
    give(0, BUFFER_PAGE);
    give(1, BUFFER_PAGE + word);
    CHECK_EQ(program_enter()->verdict, VERDICT_L2);
    memset(inside(got(0)), 0x77, 4 * word);
    CHECK_EQ(pal_return(1)->verdict, VERDICT_L1);
    for (uint32_t i = 0; i < 5 * word; i++)
        CHECK_EQ(outside(BUFFER_PAGE)[i], i < 4 * word ? 0x77 : 0x11);
}
TEST(where_pointers_overlap_the_first_ones_data_is_what_the_program_finds) { first_wins(8); }
TEST(where_pointers_of_32_bits_overlap_the_first_ones_data_is_what_the_program_finds) { first_wins(4); }

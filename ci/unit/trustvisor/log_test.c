// SPDX-License-Identifier: BSD-2-Clause
// What the log tells, which L1's root reads, of PALs.
#include <stdio.h>
#include <string.h>

#include "program.h"

static void running(void)
{
    program_l1[VMCS_ENTRY_INTR_INFO] = 0;
    program_registered(8);
    world_gpr[GPR_RSI] = BUFFER_PAGE;
    program_enter();
    PAL_VMCS(0)[VMCS_GUEST_RIP] = PAL_VMCS(0)[VMCS_EXIT_QUALIFICATION] = PAL_VMCS(0)[VMCS_GUEST_LINEAR_ADDR] = DATA_PAGE + 0x123;
    memset(world_gpr, 0x5e, sizeof(world_gpr));
}

static bool says(const char *text)
{
    const bool same = strcmp(world_log, text) == 0;
    if (!same)
        printf("# the log says: %s\n", world_log);
    return same;
}

TEST(the_log_tells_why_a_pal_has_ended_and_not_where)
{
    static const enum exit_reason reason[] = { EXIT_EPT_VIOLATION, EXIT_HLT, EXIT_RDMSR, EXIT_IO, EXIT_CR_ACCESS, EXIT_TRIPLE_FAULT };
    for (unsigned i = 0; i < sizeof(reason) / sizeof(reason[0]); i++) {
        char text[sizeof(world_log)];
        snprintf(text, sizeof(text), "pal 0: not for a PAL (exit %u): ended", reason[i]);
        running();
        CHECK_EQ(pal_leave(reason[i])->verdict, VERDICT_L1);
        CHECK(says(text));
    }
    running();
    CHECK_EQ(pal_exception(14, DATA_PAGE + 0x123, ENTRY + 5)->verdict, VERDICT_L1);
    CHECK(says("pal 0: an exception (exit 0): ended"));
}

// A number for the log, of a program or of its PAL: as much of it as their words have.
TEST(a_test_call_is_a_line_of_the_log)
{
    for (unsigned word = 4; word <= 8; word += 4) {
        program_start(word);
        CHECK_EQ(program_register(), 0);
        const uint32_t lines = world_log_lines;
        CHECK_EQ(program_call(TV_CALL_TEST, 42, 1, 2, 3), TV_OK);
        CHECK(says("pal test 42"));
        CHECK_EQ(program_call(TV_CALL_TEST, ~0ull, 0, 0, 0), TV_OK);
        CHECK(says(word == 8 ? "pal test 18446744073709551615" : "pal test 4294967295"));
        CHECK_EQ(program_enter()->verdict, VERDICT_L2);
        CHECK_EQ(pal_hypercall(TV_CALL_TEST, 1ull << 32 | 7, 0, 0, 0), TV_OK);
        CHECK(says(word == 8 ? "pal test 4294967303" : "pal test 7"));
        CHECK_EQ(world_log_lines, lines + 3);
        CHECK_EQ(pal_return(0)->verdict, VERDICT_L1);
        CHECK_EQ(program_unregister(), 0);
    }
}

// SPDX-License-Identifier: BSD-2-Clause
// The loader's printf.
#include "../../../kernel/loader/text.h"
#include "check.h"

TEST(text_formats_what_lines_need)
{
    char line[64];
    CHECK_EQ(text_format(line, sizeof(line), "%s:%u: '%.*s' 0x%llx %02x%%%c", "conf", 7u, 2, "abc", 0x12345678abull, 5u, 'z'), 30);
    CHECK(text_equal(line, "conf:7: 'ab' 0x12345678ab 05%z"));
    text_format(line, sizeof(line), "%llu %u %x", ~0ull, 0u, 0u);
    CHECK(text_equal(line, "18446744073709551615 0 0"));
}

TEST(text_cuts_off_at_the_end_of_the_buffer)
{
    char line[6] = {1, 1, 1, 1, 1, 1};
    CHECK_EQ(text_format(line, 5, "%s%u", "abc", 12345u), 4);
    CHECK(text_equal(line, "abc1"));
    CHECK_EQ(line[5], 1);
    CHECK_EQ(text_format(line, 1, "x"), 0);
    CHECK_EQ(line[0], 0);
}

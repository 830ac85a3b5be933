// SPDX-License-Identifier: BSD-2-Clause
// Recordings as files: whole ones, and ones that are damaged.

#include <string.h>

#include "check.h"
#include "stream.h"

static struct stream stream;
static const char *why;
static uint64_t word;

#define OPEN(text) stream_open(&stream, (const uint8_t *)(text), sizeof(text) - 1, &why)

TEST(segments_and_numbers)
{
    CHECK(OPEN("BHREC1\n" "\5\0\0\0" "\0\x7f\x80\1\5" "\2\0\0\0" "\xff\1"));
    static const uint64_t first[] = { 0, 0x7f, 0x80, 5 };
    for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        CHECK(stream_read(&stream, &word));
        CHECK_EQ(word, first[i]);
    }
    CHECK(!stream_read(&stream, &word));
    CHECK(stream_next(&stream, &why));
    CHECK(stream_read(&stream, &word));
    CHECK_EQ(word, 0xff);
    CHECK(!stream_read(&stream, &word));
    CHECK(!stream_next(&stream, &why));
    CHECK(why == NULL);
}

TEST(a_segment_may_be_left_early)
{
    CHECK(OPEN("BHREC1\n" "\3\0\0\0" "\1\2\3" "\1\0\0\0" "\4"));
    CHECK(stream_read(&stream, &word));
    CHECK(stream_next(&stream, &why));
    CHECK(stream_read(&stream, &word));
    CHECK_EQ(word, 4);
}

TEST(numbers_have_64_bits)
{
    CHECK(OPEN("BHREC1\n" "\x0a\0\0\0" "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"));
    CHECK(stream_read(&stream, &word));
    CHECK_EQ(word, ~0ull);
    CHECK(OPEN("BHREC1\n" "\x0b\0\0\0" "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"));
    CHECK(!stream_read(&stream, &word));
}

TEST(what_is_damaged_is_said)
{
    CHECK(!OPEN("") && strcmp(why, "it is not a recording") == 0);
    CHECK(!OPEN("BHREC2\n\1\0\0\0\1") && strcmp(why, "it is not a recording") == 0);
    CHECK(!OPEN("BHREC1\n") && strcmp(why, "it is empty") == 0);
    CHECK(!OPEN("BHREC1\n\1\0\0") && strcmp(why, "the file ends in a segment") == 0);
    CHECK(!OPEN("BHREC1\n\2\0\0\0\1") && strcmp(why, "the file ends in a segment") == 0);
    CHECK(!OPEN("BHREC1\n\xff\xff\xff\xff\1") && strcmp(why, "the file ends in a segment") == 0);
    CHECK(OPEN("BHREC1\n\1\0\0\0\x80"));
    CHECK(!stream_read(&stream, &word));
    CHECK(OPEN("BHREC1\n\1\0\0\0\1" "\1\0\0\0"));
    CHECK(!stream_next(&stream, &why));
    CHECK(why != NULL);
}

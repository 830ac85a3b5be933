// SPDX-License-Identifier: BSD-2-Clause
// The log's formatter against the C library's.

#include <stdio.h>
#include <string.h>

#include <caps/format.h>
#include <rt/call.h>

#include "harness.h"
#include "subject.h"

__attribute__((format(printf, 2, 3))) static size_t format(char *text, const char *how, ...)
{
    va_list arguments;
    va_start(arguments, how);
    const size_t bytes = format_list(text, 64, how, arguments);
    va_end(arguments);
    text[bytes] = '\0';
    return bytes;
}

#define SAME(...)                                                    \
    do {                                                             \
        char is[65], expected[128];                                  \
        format(is, __VA_ARGS__);                                     \
        snprintf(expected, sizeof(expected), __VA_ARGS__);           \
        if (strcmp(is, expected) != 0)                               \
            printf("# '%s' and '%s'\n", is, expected);               \
        CHECK(strcmp(is, expected) == 0);                            \
    } while (0)

TEST(format_agrees_with_printf)
{
    SAME("plain");
    SAME("%s|%-6s|%c|%%", "text", "ab", 'x');
    SAME("%u %x %d %d", 0u, 0xdeadbeefu, -7, 2147483647);
    SAME("%lu %lx %ld", ~0ul, 0x123456789abcdef0ul, (-9223372036854775807l - 1));
    SAME("%08x %4u %016lx %3u", 0xabcu, 7u, 0x10ul, 12345u);
    SAME("%05d %5d", -42, -42);
    SAME("%d", (-2147483647 - 1));
    SAME("%llu %llx %.3s|%.*s|%.9s", ~0ull, 5ull, "abcdef", 2, "xyz", "short");
}

TEST(format_cuts_at_the_buffer)
{
    char text[65];
    CHECK_EQ(format(text, "%0100u", 1u), 64);
    CHECK_EQ(strlen(text), 64);
}

__attribute__((format(printf, 3, 4))) static size_t line(char *text, size_t bytes, const char *how, ...)
{
    va_list arguments;
    va_start(arguments, how);
    const size_t length = format_line(text, bytes, how, arguments);
    va_end(arguments);
    return length;
}

TEST(format_line_ends_in_the_buffer)
{
    char text[9];
    memset(text, 'x', sizeof(text));
    CHECK_EQ(line(text, 8, "%s%u", "abc", 123456u), 7);
    CHECK(strcmp(text, "abc1234") == 0 && text[8] == 'x');
    CHECK_EQ(line(text, 1, "%u", 5u), 0);
    CHECK_EQ(text[0], '\0');
    const char *volatile none = NULL;
    CHECK_EQ(line(text, 8, "%s", none), 6);
}

static void log_line(const struct request *req, struct reply *rep)
{
    (void)rep;
    rt_log(LOG_INFO, "cpu %u: %s", req->cpu, "here");
}

TEST(log_line_reaches_the_kernel)
{
    subject_answer = log_line;
    world_cpu = 2;
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    CHECK(strcmp(world_log, "cpu 2: here") == 0);
    CHECK_EQ(world_log_lines, 1);
}

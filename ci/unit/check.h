// SPDX-License-Identifier: BSD-2-Clause
// Tests and checks. Every TEST runs in a process of its own, so each starts with fresh state; output is TAP.
//
//   TEST(vmread_of_unknown_field_fails)
//   {
//       CHECK_EQ(status, 12);
//   }
#pragma once

#include <stdbool.h>
#include <stdint.h>

void check_register(const char *name, void (*run)(void));
void check_failed(const char *file, int line, const char *text) __attribute__((noreturn));
void check_differ(const char *file, int line, const char *text, uint64_t is, uint64_t expected) __attribute__((noreturn));

#define TEST(test_name)                                                                  \
    static void test_##test_name(void);                                                  \
    __attribute__((constructor)) static void register_##test_name(void)                  \
    {                                                                                    \
        check_register(#test_name, test_##test_name);                                    \
    }                                                                                    \
    static void test_##test_name(void)

#define CHECK(condition)                                     \
    do {                                                     \
        if (!(condition))                                    \
            check_failed(__FILE__, __LINE__, #condition);    \
    } while (0)

#define CHECK_EQ(is, expected)                                                                            \
    do {                                                                                                  \
        const uint64_t check_is = (uint64_t)(is), check_expected = (uint64_t)(expected);                  \
        if (check_is != check_expected)                                                                   \
            check_differ(__FILE__, __LINE__, #is " == " #expected, check_is, check_expected);             \
    } while (0)

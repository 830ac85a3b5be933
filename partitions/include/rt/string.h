// SPDX-License-Identifier: BSD-2-Clause
// The few functions that compilers call by themselves, as in C's <string.h>.
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);

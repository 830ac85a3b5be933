/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints the time-stamp counter. */
#include <inttypes.h>
#include <stdio.h>
#include <x86intrin.h>

int main(void)
{
    printf("%" PRIu64 "\n", (uint64_t)__rdtsc());
    return 0;
}

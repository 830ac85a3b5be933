/* SPDX-License-Identifier: BSD-2-Clause */
/* Computations with results known beforehand. The only file of the guest that uses vector registers. */
#include "guest_compute.h"

#include "contract.h"

uint64_t compute_primes(void)
{
    uint64_t count = 0;
    for (unsigned n = 2; n < PRIME_LIMIT; n++) {
        unsigned divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0) {
            divisor++;
        }
        if (divisor * divisor > n) {
            count++;
        }
    }
    return count;
}

uint64_t compute_series(void)
{
    union {
        double value;
        uint64_t bits;
    } result = { .value = series_sum() };
    return result.bits;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Computations with results known beforehand. */
#pragma once

#include <stdint.h>

/* Primes below PRIME_LIMIT. */
uint64_t compute_primes(void);

/* Bits of series_sum(). */
uint64_t compute_series(void);

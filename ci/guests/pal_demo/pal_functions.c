// SPDX-License-Identifier: BSD-2-Clause
// What runs isolated. Compiled so that it needs nothing outside of itself: no constants, no jump tables, no stack protector.
#include "pal_functions.h"

#include <trustvisor/pal.h>
#include <trustvisor/vmcall.h>

// 0: where it should be.
static inline __attribute__((always_inline)) uintptr_t wrong_place(uintptr_t word)
{
    uint32_t present, flags;
    const uint32_t pal = tv_cpuid(0, &present, &flags);
    if (!(word & MUST_BE_PAL))
        return present && pal != TV_CPUID_NO_PAL ? PAL_UNEXPECTED : 0;
    return !present ? PAL_NO_MANAGER : pal == TV_CPUID_NO_PAL ? PAL_NOT_ISOLATED : 0;
}

#define CHECK_PLACE(word)                          \
    do {                                           \
        const uintptr_t wrong = wrong_place(word); \
        if (wrong != 0)                            \
            return wrong;                          \
        (word) &= ~(uintptr_t)MUST_BE_PAL;         \
    } while (0)

PAL_CODE uintptr_t pal_add(uintptr_t first, uintptr_t *second)
{
    CHECK_PLACE(first);
    return first + (*second)++;
}

PAL_CODE uintptr_t pal_10_int(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f, uintptr_t g, uintptr_t h, uintptr_t i,
                              uintptr_t j)
{
    CHECK_PLACE(a);
    return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j * 10;
}

PAL_CODE uintptr_t pal_10_ptr(uintptr_t *a, uintptr_t *b, uintptr_t *c, uintptr_t *d, uintptr_t *e, uintptr_t *f, uintptr_t *g, uintptr_t *h, uintptr_t *i,
                              uintptr_t *j)
{
    CHECK_PLACE(*a);
    uintptr_t sum = 0;
    sum += (*a)++;
    sum += (*b)++ * 2;
    sum += (*c)++ * 3;
    sum += (*d)++ * 4;
    sum += (*e)++ * 5;
    sum += (*f)++ * 6;
    sum += (*g)++ * 7;
    sum += (*h)++ * 8;
    sum += (*i)++ * 9;
    sum += (*j)++ * 10;
    return sum;
}

static inline __attribute__((always_inline)) uintptr_t sum_array(uintptr_t count, uintptr_t *word, uintptr_t *number)
{
    uintptr_t sum = 0;
    for (uintptr_t i = 0; i < count; i++) {
        sum += word[i] * ++*number;
        word[i] += PAL_5_STEP;
    }
    return sum;
}

PAL_CODE uintptr_t pal_5_ptr(uintptr_t na, uintptr_t *a, uintptr_t nb, uintptr_t *b, uintptr_t nc, uintptr_t *c, uintptr_t nd, uintptr_t *d, uintptr_t ne,
                             uintptr_t *e)
{
    CHECK_PLACE(na);
    uintptr_t number = 0;
    uintptr_t sum = sum_array(na, a, &number);
    sum += sum_array(nb, b, &number);
    sum += sum_array(nc, c, &number);
    sum += sum_array(nd, d, &number);
    return sum + sum_array(ne, e, &number);
}

PAL_CODE uintptr_t pal_keep(uintptr_t seed, uintptr_t *page)
{
    CHECK_PLACE(seed);
    for (unsigned i = 0; seed != 0 && i < KEPT_WORDS; i++)
        page[i] = seed * SECRET_FACTOR;
    uintptr_t kept = 0;
    for (unsigned round = 0; round < 16; round++) {
        kept = 0;
        for (unsigned i = 0; i < KEPT_WORDS; i++) {
            volatile uintptr_t *word = &page[(i * 5 + round) % KEPT_WORDS];
            *word = *word * 3;  // it changes, and is again what it was: 3 has an inverse
            *word = *word * (uintptr_t)0xaaaaaaaaaaaaaaabull;
            kept += *word == page[0] && *word != 0;
        }
    }
    return kept;
}

PAL_CODE uintptr_t pal_secret(uintptr_t seed, uintptr_t *page)
{
    for (unsigned i = 0; i < 512; i++)
        page[i] = seed * SECRET_FACTOR;
    return 0;
}

PAL_CODE uintptr_t pal_spread(uintptr_t seed, uintptr_t *pages)
{
    for (unsigned i = 0; i < SPREAD_PAGES * 512; i += SPREAD_STEP)
        pages[i] = seed * SECRET_FACTOR;
    return 0;
}

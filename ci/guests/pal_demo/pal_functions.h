// SPDX-License-Identifier: BSD-2-Clause
// The PALs of the demo programs. They run in and outside of trustvisor, with the same result: MUST_BE_PAL, in the first word that they get, makes
// them say so where they aren't isolated.
#pragma once

#include <stdint.h>

#define MUST_BE_PAL      0x80000000u
#define PAL_NO_MANAGER   0xdead0001u  // nobody answers CPUID
#define PAL_NOT_ISOLATED 0xdead0002u  // it isn't in a PAL
#define PAL_UNEXPECTED   0xdead0003u  // it is, and should not be

// first + (*second)++
uintptr_t pal_add(uintptr_t first, uintptr_t *second);
// The sum of argument i times i + 1.
uintptr_t pal_10_int(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);
// The same with what they point to, each of which goes up by one.
uintptr_t pal_10_ptr(uintptr_t *, uintptr_t *, uintptr_t *, uintptr_t *, uintptr_t *, uintptr_t *, uintptr_t *, uintptr_t *, uintptr_t *, uintptr_t *);
// Fills a page with seed times SECRET_FACTOR, which nobody else knows: no other test guest multiplies by it.
uintptr_t pal_secret(uintptr_t seed, uintptr_t *page);
#define SECRET_FACTOR ((uintptr_t)0xa0761d6478bd642full)
// The same for so many pages, of each a word in so many.
uintptr_t pal_spread(uintptr_t seed, uintptr_t *pages);
#define SPREAD_PAGES 64u
#define SPREAD_STEP  64u
// The same, if seed isn't 0, and then works with the page for a while. How many of its words are as they were: KEPT_WORDS.
uintptr_t pal_keep(uintptr_t seed, uintptr_t *page);
#define KEPT_WORDS 512u
// Five arrays, each behind its length: the sum of every word times its number over all; each word goes up by PAL_5_STEP.
uintptr_t pal_5_ptr(uintptr_t, uintptr_t *, uintptr_t, uintptr_t *, uintptr_t, uintptr_t *, uintptr_t, uintptr_t *, uintptr_t, uintptr_t *);
#define PAL_5_STEP ((uintptr_t)0x3141592653589793ull)

// SPDX-License-Identifier: BSD-2-Clause
// test_args FUNCS ITERS SEED: calls PALs with many parameters (bits of FUNCS: 0 ten integers, 1 ten pointers, 2 five arrays), each ITERS times with random
// values, and compares what they return and leave in memory with the same function outside of trustvisor.
#include <trustvisor/pal.h>

#include "pal_functions.h"
#include "program.h"

#define WORDS  21u   // ten words, each between two that must stay
#define ARRAYS 5u
#define LENGTH 100u

typedef uintptr_t ten_t(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);

static uint64_t state;

// xorshift64: any sequence will do.
static uintptr_t random_word(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uintptr_t)state;
}

static uintptr_t call(const void *function, const uintptr_t a[10])
{
    return ((ten_t *)(uintptr_t)function)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
}

static int fail(const char *what, uintptr_t is, uintptr_t expected)
{
    print_text("Test fail: ");
    print_text(what);
    print_text(": ");
    print_number(is);
    print_text(", expected ");
    print_number(expected);
    print_text("\n");
    return 1;
}

static int same(const char *what, const uintptr_t *is, const uintptr_t *expected, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        if (is[i] != expected[i])
            return fail(what, is[i], expected[i]);
    return 0;
}

static int open(struct pal *pal, const void *function, const struct tv_params *params)
{
    const enum pal_status status = pal_open(pal, function, params);
    return status == PAL_OK ? 0 : fail("registration", status, PAL_OK);
}

static int integers(unsigned iterations)
{
    static struct tv_params params = { .count = 10 };
    struct pal pal;
    for (unsigned i = 0; i < 10; i++)
        params.param[i] = (struct tv_param){ TV_PARAM_INTEGER, 0, 1 };
    if (open(&pal, (const void *)pal_10_int, &params))
        return 1;
    for (unsigned n = 0; n < iterations; n++) {
        uintptr_t a[10];
        for (unsigned i = 0; i < 10; i++)
            a[i] = random_word();
        a[0] &= ~(uintptr_t)MUST_BE_PAL;
        const uintptr_t expected = call((const void *)pal_10_int, a);
        a[0] |= MUST_BE_PAL;
        const uintptr_t result = call(pal.entry, a);
        if (result != expected)
            return fail("10_int", result, expected);
    }
    return pal_close(&pal) == PAL_OK ? 0 : fail("unregistration", 1, 0);
}

static int pointers(unsigned iterations)
{
    static struct tv_params params = { .count = 10 };
    struct pal pal;
    for (unsigned i = 0; i < 10; i++)
        params.param[i] = (struct tv_param){ TV_PARAM_POINTER, 0, 1 };
    if (open(&pal, (const void *)pal_10_ptr, &params))
        return 1;
    for (unsigned n = 0; n < iterations; n++) {
        uintptr_t plain[WORDS], isolated[WORDS], a[10], b[10];
        for (unsigned i = 0; i < WORDS; i++)
            plain[i] = random_word();
        plain[1] &= ~(uintptr_t)MUST_BE_PAL;
        for (unsigned i = 0; i < WORDS; i++)
            isolated[i] = plain[i];
        isolated[1] |= MUST_BE_PAL;
        for (unsigned i = 0; i < 10; i++) {
            a[i] = (uintptr_t)&plain[2 * i + 1];
            b[i] = (uintptr_t)&isolated[2 * i + 1];
        }
        const uintptr_t expected = call((const void *)pal_10_ptr, a), result = call(pal.entry, b);
        if (result != expected)
            return fail("10_ptr", result, expected);
        if (same("10_ptr: memory", isolated, plain, WORDS))
            return 1;
    }
    return pal_close(&pal) == PAL_OK ? 0 : fail("unregistration", 1, 0);
}

static int arrays(unsigned iterations)
{
    static uintptr_t plain[ARRAYS][LENGTH + 2], isolated[ARRAYS][LENGTH + 2];
    for (unsigned n = 0; n < iterations; n++) {
        struct tv_params params = { .count = 2 * ARRAYS };
        uintptr_t a[10], b[10];
        struct pal pal;
        for (unsigned i = 0; i < ARRAYS; i++) {
            const unsigned length = (unsigned)(random_word() >> 8) % LENGTH;
            for (unsigned j = 0; j < LENGTH + 2; j++)
                plain[i][j] = isolated[i][j] = random_word();
            a[2 * i] = b[2 * i] = length;
            a[2 * i + 1] = (uintptr_t)&plain[i][1];
            b[2 * i + 1] = (uintptr_t)&isolated[i][1];
            params.param[2 * i] = (struct tv_param){ TV_PARAM_INTEGER, 0, 1 };
            params.param[2 * i + 1] = (struct tv_param){ TV_PARAM_POINTER, 0, length };
        }
        b[0] |= MUST_BE_PAL;
        if (open(&pal, (const void *)pal_5_ptr, &params))
            return 1;
        const uintptr_t expected = call((const void *)pal_5_ptr, a), result = call(pal.entry, b);
        if (result != expected)
            return fail("5_ptr", result, expected);
        if (same("5_ptr: memory", &isolated[0][0], &plain[0][0], ARRAYS * (LENGTH + 2)))
            return 1;
        if (pal_close(&pal) != PAL_OK)
            return fail("unregistration", 1, 0);
    }
    return 0;
}

int program(int argc, char **argv)
{
    if (argc != 4) {
        print_text("usage: test_args FUNCS ITERS SEED\n");
        return 2;
    }
    const unsigned functions = (unsigned)parse_number(argv[1], 10), iterations = (unsigned)parse_number(argv[2], 10);
    state = parse_number(argv[3], 10) * 2 + 1;
    if (((functions & 1) && integers(iterations)) || ((functions & 2) && pointers(iterations)) || ((functions & 4) && arrays(iterations)))
        return 1;
    print_text("Test pass\n");
    return 0;
}

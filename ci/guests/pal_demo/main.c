// SPDX-License-Identifier: BSD-2-Clause
// main A B: one call of a PAL with an integer and a pointer, outside of trustvisor and in it. Status 0 where both give the same.
#include <trustvisor/pal.h>

#include "pal_functions.h"
#include "program.h"

typedef uintptr_t add_t(uintptr_t, uintptr_t *);

static const struct tv_params params = { 2, 0, { { TV_PARAM_INTEGER, 0, 4 }, { TV_PARAM_POINTER, 0, 4 } } };

static void report(const char *where, uintptr_t result, uintptr_t second)
{
    print_text(where);
    print_text(": ");
    print_number(result);
    print_text(", then ");
    print_number(second);
    print_text("\n");
}

int program(int argc, char **argv)
{
    struct pal pal;
    if (argc != 3) {
        print_text("usage: main A B (hexadecimal)\n");
        return 2;
    }
    const uintptr_t first = parse_number(argv[1], 16), start = parse_number(argv[2], 16);
    uintptr_t plain[4] = { start, 2, 3, 4 }, isolated[4] = { start, 2, 3, 4 };
    if (pal_copy(&pal, (const void *)pal_add) != PAL_OK) {
        print_text("no memory\n");
        return 1;
    }
    const uintptr_t expected = ((add_t *)pal.entry)(first & ~(uintptr_t)MUST_BE_PAL, plain);
    report("without PAL", expected, plain[0]);
    const enum pal_status status = pal_register(&pal, &params);
    if (status != PAL_OK) {
        print_text(status == PAL_ABSENT ? "no trustvisor\n" : "registration refused\n");
        return 1;
    }
    const uintptr_t result = ((add_t *)pal.entry)(first | MUST_BE_PAL, isolated);
    report("with PAL", result, isolated[0]);
    if (pal_close(&pal) != PAL_OK) {
        print_text("unregistration refused\n");
        return 1;
    }
    const int same = result == expected && isolated[0] == start + 1 && isolated[1] == 2 && isolated[2] == 3 && isolated[3] == 4;
    print_text(same ? "same\n" : "DIFFERENT\n");
    return !same;
}

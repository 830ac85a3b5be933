// SPDX-License-Identifier: BSD-2-Clause
// secret INSIDE OUTSIDE: a page of a PAL's holds the first number's secret, a page of the program's own the second one's. Then it sleeps: who looks at the machine's
// memory finds both, until a reset.
#include <trustvisor/linux_call.h>
#include <trustvisor/pal.h>

#include "pal_functions.h"
#include "program.h"

typedef uintptr_t secret_t(uintptr_t, uintptr_t *);

static const struct tv_params params = { 2, 0, { { TV_PARAM_INTEGER, 0, 1 }, { TV_PARAM_INTEGER, 0, 1 } } };

int program(int argc, char **argv)
{
    struct pal pal;
    if (argc != 3 || pal_open(&pal, (const void *)pal_secret, &params) != PAL_OK) {
        print_text("usage: secret INSIDE OUTSIDE (with trustvisor)\n");
        return 1;
    }
    uintptr_t *own = (uintptr_t *)linux_call(LINUX_MMAP, 0, 4096, 3, 0x22, -1, 0);
    (void)pal_secret(parse_number(argv[2], 10), own);
    // The data section, which is a page.
    if (((secret_t *)(uintptr_t)pal.entry)(parse_number(argv[1], 10), (uintptr_t *)(uintptr_t)pal.sections.section[1].start) != 0)
        return 1;
    print_text("pal: secrets kept\n");
    for (;;) {
        long wait[4] = { 1000, 0, 0, 0 };
        linux_call(35, (long)wait, 0, 0, 0, 0, 0);
    }
}

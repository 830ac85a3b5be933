// SPDX-License-Identifier: BSD-2-Clause
// keeper SEED FILE: a PAL keeps the seed's secret in a page of its memory, and works with it in call after call until there is such a file. Says on its
// standard error where the page is: who looks at the machine's memory finds the secret there, and nowhere else. Status: 0 the secret was kept; 1 something is
// wrong; 3 the PAL has ended, or there never was one.
#include <trustvisor/linux_call.h>
#include <trustvisor/pal.h>

#include "pal_functions.h"
#include "program.h"
#include "system.h"

#define STATUS_ENDED 3

typedef uintptr_t keep_t(uintptr_t, uintptr_t *);

static const struct tv_params params = { 2, 0, { { TV_PARAM_INTEGER, 0, 1 }, { TV_PARAM_INTEGER, 0, 1 } } };

static int end(const char *what, uintptr_t result)
{
    print_text("keeper: ");
    print_text(what);
    print_text(" gives ");
    print_number(result);
    print_text("\n");
    return result == PAL_NOT_ISOLATED ? STATUS_ENDED : 1;
}

int program(int argc, char **argv)
{
    struct pal pal;
    if (argc != 3) {
        print_text("usage: keeper SEED FILE\n");
        return 2;
    }
    const enum pal_status status = pal_open(&pal, (const void *)pal_keep, &params);
    if (status != PAL_OK) {
        print_text("keeper: no PAL: ");
        print_text(pal_status_text(status));
        print_text("\n");
        return STATUS_ENDED;
    }
    keep_t *const keep = (keep_t *)(uintptr_t)pal.entry;
    uintptr_t *const page = (uintptr_t *)(uintptr_t)pal.sections.section[1].start;  // the data section, which is a page
    uintptr_t result = keep(parse_number(argv[1], 10) | MUST_BE_PAL, page);
    if (result != KEPT_WORDS)
        return end("the first call", result);
    char line[80], *to = add_text(line, "keeper: seed ");
    to = add_number(to, parse_number(argv[1], 10));
    to = add_number(add_text(to, " page "), physical_address((uintptr_t)page));
    to = add_text(to, "\n");
    linux_call(LINUX_WRITE, 2, (long)line, to - line, 0, 0, 0);
    uintptr_t calls = 1;
    for (; !file_there(argv[2]); calls++) {
        result = keep(MUST_BE_PAL, page);
        if (result != KEPT_WORDS)
            return end("a later call", result);
    }
    if (pal_close(&pal) != PAL_OK)
        return end("the end", 0);
    print_text("keeper: calls ");
    print_number(calls);
    print_text("\n");
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// test N: hypercall 255 with a number for the log. The status is its result.
#include <trustvisor/pal.h>
#include <trustvisor/vmcall.h>

#include "program.h"

int program(int argc, char **argv)
{
    if (argc != 2) {
        print_text("usage: test N\n");
        return 2;
    }
    uint32_t level;
    if (!pal_level(&level)) {
        print_text("no trustvisor\n");
        return 1;
    }
    return (int)tv_vmcall(level + TV_CALL_TEST, parse_number(argv[1], 10), 0, 0, 0);
}

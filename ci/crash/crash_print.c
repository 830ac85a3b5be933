// SPDX-License-Identifier: BSD-2-Clause
// crash_print FILE: what `bulkhead crash` says, but for the functions' names.

#include <errno.h>
#include <string.h>

#include "crash_file.h"

int main(int argc, char **argv)
{
    char why[REGION_WHY];
    if (argc != 2) {
        fputs("usage: crash_print FILE\n", stderr);
        return 2;
    }
    FILE *file = fopen(argv[1], "rb");
    const char *wrong = file ? crash_file_print(stdout, file, why) : strerror(errno);
    if (wrong)
        fprintf(stderr, "bulkhead: %s: %s\n", argv[1], wrong);
    return wrong ? 1 : 0;
}

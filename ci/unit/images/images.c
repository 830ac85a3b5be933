// SPDX-License-Identifier: BSD-2-Clause
// The partitions' images, by the loader's own parser: images FILE...

#include <stdio.h>
#include <stdlib.h>

#include "../../../kernel/loader/elf_partition.h"

static int number;

static bool accepted(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return false;
    const long bytes = ftell(file);
    void *contents = malloc((size_t)bytes);
    rewind(file);
    const bool complete = contents && fread(contents, 1, (size_t)bytes, file) == (size_t)bytes;
    fclose(file);

    struct boot_partition image;
    const char *error = complete ? elf_partition_read(&image, contents, (uint64_t)bytes) : "can't be read";
    if (error)
        printf("# %s: %s\n", path, error);
    // Half a file must be refused, not read beyond its end.
    if (!error && elf_partition_read(&image, contents, 32) == NULL)
        error = "a truncated file is accepted";
    free(contents);
    return error == NULL;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        const bool ok = accepted(argv[i]);
        failed += !ok;
        printf("%s %d - %s\n", ok ? "ok" : "not ok", ++number, argv[i]);
    }
    printf("1..%d\n", number);
    return failed != 0;
}

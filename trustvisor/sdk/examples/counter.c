// SPDX-License-Identifier: BSD-2-Clause
// counter FILE: counts up the counter in FILE, and prints it. FILE is made if it isn't there.
#include "counter.h"

#include <stdio.h>
#include <trustvisor/pal.h>

typedef uintptr_t count_t(struct counter *);

static struct counter counter;
static const struct tv_params params = { 1, 0, { { TV_PARAM_POINTER, 0, sizeof(counter) / sizeof(uintptr_t) } } };

static int keep(const char *name)
{
    FILE *file = fopen(name, "wb");
    if (file == NULL || fwrite(&counter, sizeof(counter), 1, file) != 1 || fclose(file) != 0) {
        fprintf(stderr, "counter: %s can't be written\n", name);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct pal pal;
    if (argc != 2) {
        fprintf(stderr, "usage: counter FILE\n");
        return 2;
    }
    FILE *file = fopen(argv[1], "rb");
    if (file != NULL) {
        if (fread(&counter, sizeof(counter), 1, file) != 1) {
            fprintf(stderr, "counter: %s is no counter\n", argv[1]);
            return 1;
        }
        fclose(file);
    }
    const enum pal_status status = pal_open(&pal, (const void *)counter_pal, &params);
    if (status != PAL_OK) {
        fprintf(stderr, "counter: %s\n", pal_status_text(status));
        return 1;
    }
    const uintptr_t value = ((count_t *)pal.entry)(&counter);
    pal_close(&pal);
    if (value == 0) {
        fprintf(stderr, "counter: %s was not sealed by this PAL on this machine, its key was for an earlier boot only, or it isn't the last one\n", argv[1]);
        return 1;
    }
    printf("%lu\n", (unsigned long)value);
    return keep(argv[1]);
}

// SPDX-License-Identifier: BSD-2-Clause
// counter FILE: counts up the counter in FILE, and prints it. FILE is made if it isn't there.
#include "counter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <trustvisor/pal.h>

typedef uintptr_t count_t(struct counter *, uintptr_t *);

static struct counter counter;
static const struct tv_params params = { 2, 0, { { TV_PARAM_POINTER, 0, sizeof(counter) / sizeof(uintptr_t) }, { TV_PARAM_POINTER, 0, 1 } } };
static const char *const why[] = {
    [COUNTER_NOT_OPENED] = "was not sealed by this PAL on this machine, is damaged, or its key was for an earlier boot only",
    [COUNTER_NOT_LAST] = "is not what was counted last in this boot",
    [COUNTER_NO_NVRAM] = "needs NVRAM, which another counter has that is at work",
    [COUNTER_NOT_SEALED] = "can't be sealed",
};

static int refuse(const char *name, const char *text)
{
    fprintf(stderr, "counter: %s %s\n", name, text);
    return 1;
}

static int keep(FILE *file)
{
    rewind(file);
    return fwrite(&counter, sizeof(counter), 1, file) == 1 && fflush(file) == 0;
}

// What is counted must be kept: the one before counts no more. So there is room for it beforehand, and the old file stays until the new one is whole.
static int count(const char *name, const char *fresh_name, FILE *fresh)
{
    uintptr_t value = 0;
    struct pal pal;
    if (!keep(fresh))
        return refuse(name, "can't be written");
    const enum pal_status status = pal_open(&pal, (const void *)counter_pal, &params);
    if (status != PAL_OK) {
        fprintf(stderr, "counter: %s\n", pal_status_text(status));
        return 1;
    }
    const uintptr_t result = ((count_t *)pal.entry)(&counter, &value);
    pal_close(&pal);
    if (result != COUNTER_OK)
        return refuse(name, result <= COUNTER_NOT_SEALED ? why[result] : "was not counted: the call failed");
    if (!keep(fresh) || rename(fresh_name, name) != 0)
        return refuse(name, "can't be written");
    printf("%lu\n", (unsigned long)value);
    return 0;
}

int main(int argc, char **argv)
{
    char fresh_name[4096];
    if (argc != 2 || strlen(argv[1]) + sizeof(".new") > sizeof(fresh_name)) {
        fprintf(stderr, "usage: counter FILE\n");
        return 2;
    }
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL && errno != ENOENT)
        return refuse(argv[1], "can't be read");
    if (file != NULL) {
        const int whole = fread(&counter, sizeof(counter), 1, file) == 1 && fgetc(file) == EOF;
        fclose(file);
        if (!whole)
            return refuse(argv[1], "is no counter");
    }
    sprintf(fresh_name, "%s.new", argv[1]);
    FILE *fresh = fopen(fresh_name, "wb");
    if (fresh == NULL)
        return refuse(argv[1], "can't be written");
    const int failed = count(argv[1], fresh_name, fresh);
    fclose(fresh);
    if (failed)
        remove(fresh_name);
    return failed;
}

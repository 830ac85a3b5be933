// SPDX-License-Identifier: BSD-2-Clause
// micro_tpm: a PAL that makes each call that only PALs may make, the deprecated ones too. Prints the first one that doesn't do what it should.
#include "micro_tpm.h"

#include <trustvisor/pal.h>

#include "program.h"

typedef uintptr_t micro_tpm_t(struct micro_tpm *);

int program(int argc, char **argv)
{
    static struct micro_tpm area;
    static const struct tv_params params = { 1, 0, { { TV_PARAM_POINTER, 0, sizeof(area) / sizeof(uintptr_t) } } };
    struct pal pal;
    (void)argc;
    (void)argv;
    if (pal_open(&pal, (const void *)pal_micro_tpm, &params) != PAL_OK) {
        print_text("micro_tpm: no PAL\n");
        return 1;
    }
    const uintptr_t wrong = ((micro_tpm_t *)(uintptr_t)pal.entry)(&area);
    if (wrong != 0 || pal_close(&pal) != PAL_OK) {
        print_text("micro_tpm: wrong: ");
        print_number(wrong);
        print_text("\n");
        return 1;
    }
    return 0;
}

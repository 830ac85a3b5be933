// SPDX-License-Identifier: BSD-2-Clause
// Calls the PAL once.
#include "twice_pal.h"

#include <stdio.h>
#include <trustvisor/pal.h>

typedef uintptr_t twice_t(uintptr_t);

static const struct tv_params params = { 1, 0, { { TV_PARAM_INTEGER, 0, 1 } } };

int main(void)
{
    struct pal pal;
    const enum pal_status status = pal_open(&pal, (const void *)twice_pal, &params);
    if (status != PAL_OK) {
        fprintf(stderr, "%s\n", pal_status_text(status));
        return 1;
    }
    printf("%lu\n", (unsigned long)((twice_t *)pal.entry)(21));
    pal_close(&pal);
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// A counter that its program can keep, but neither read, set nor make. (It can put an older one back: what is against that needs memory that the
// program doesn't have.)
#include "counter.h"

#include <trustvisor/pal.h>
#include <trustvisor/utpm.h>

PAL_CODE uintptr_t counter_pal(struct counter *counter)
{
    uint32_t value = 0, bytes = sizeof(value), room = sizeof(counter->blob);
    if (counter->bytes > sizeof(counter->blob))
        return 0;
    if (counter->bytes != 0 && (pal_unseal(counter->blob, counter->bytes, &value, &bytes) != TV_OK || bytes != sizeof(value)))
        return 0;
    value++;
    if (pal_seal(&value, sizeof(value), counter->blob, &room) != TV_OK)
        return 0;
    counter->bytes = room;
    return value;
}

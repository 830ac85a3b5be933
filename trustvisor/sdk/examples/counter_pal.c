// SPDX-License-Identifier: BSD-2-Clause
// A counter that its program can keep, but neither read, set nor make. Nor can it put an older one back before the machine's reset: NVRAM knows the last value, as
// long as nobody unloads trustvisor.
#include "counter.h"

#include <trustvisor/pal.h>
#include <trustvisor/utpm.h>

PAL_CODE uintptr_t counter_pal(struct counter *counter)
{
    uint32_t value = 0, bytes = sizeof(value), room = sizeof(counter->blob);
    uint32_t last[TV_NV_BYTES / sizeof(uint32_t)];
    if (counter->bytes > sizeof(counter->blob))
        return 0;
    if (counter->bytes != 0 && (pal_unseal(counter->blob, counter->bytes, &value, &bytes) != TV_OK || bytes != sizeof(value)))
        return 0;
    if (pal_nv_read(last) != TV_OK || (last[0] != NEVER && last[0] != value))
        return 0;
    last[0] = ++value;
    // In this order: were the value noted that could not be sealed, the file that the program has would be an older one.
    if (pal_seal(&value, sizeof(value), counter->blob, &room) != TV_OK || pal_nv_write(last) != TV_OK)
        return 0;
    counter->bytes = room;
    return value;
}

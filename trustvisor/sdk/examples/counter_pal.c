// SPDX-License-Identifier: BSD-2-Clause
// A counter that its program can keep, but neither read, set nor make. Nor can it put an older one back before the machine's reset: NVRAM knows the last value, as
// long as nobody unloads trustvisor.
#include "counter.h"

#include <trustvisor/pal.h>
#include <trustvisor/utpm.h>

PAL_CODE uintptr_t counter_pal(struct counter *counter, uintptr_t *value)
{
    uint32_t count = 0, bytes = sizeof(count), room = sizeof(counter->blob);
    uint32_t last[TV_NV_BYTES / sizeof(uint32_t)];
    if (counter->bytes > sizeof(counter->blob))
        return COUNTER_NOT_OPENED;
    if (counter->bytes != 0 && (pal_unseal(counter->blob, counter->bytes, &count, &bytes) != TV_OK || bytes != sizeof(count)))
        return COUNTER_NOT_OPENED;
    if (pal_nv_read(last) != TV_OK)
        return COUNTER_NO_NVRAM;
    if (last[0] != NEVER && last[0] != count)
        return COUNTER_NOT_LAST;
    last[0] = ++count;
    // In this order: were the value noted that could not be sealed, the file that the program has would be an older one.
    if (pal_seal(&count, sizeof(count), counter->blob, &room) != TV_OK)
        return COUNTER_NOT_SEALED;
    if (pal_nv_write(last) != TV_OK)
        return COUNTER_NO_NVRAM;
    counter->bytes = room;
    *value = count;
    return COUNTER_OK;
}

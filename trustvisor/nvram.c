// SPDX-License-Identifier: BSD-2-Clause
#include "nvram.h"

#include <stdbool.h>
#include <stddef.h>

#include <rt/state.h>
#include <rt/string.h>

struct area {
    uint32_t holder;                     // number of a PAL + 1
    uint32_t writes;                     // how many there were; copy[writes % 2] is what the area holds. 0 without a holder: it is nobody's
    uint8_t owner[TV_HASH_BYTES];
    uint8_t copy[2][TV_NV_BYTES];
};
STATE static struct area areas[NVRAM_AREAS];
static struct state_lock lock;

static bool used(const struct area *area) { return area->holder != 0 || area->writes != 0; }

// The owner's, or a free one, which is the owner's then. NULL: somebody else holds it, or there is none. Under the lock.
static struct area *hold(uint32_t pal, const uint8_t owner[TV_HASH_BYTES])
{
    struct area *found = NULL;
    for (struct area *area = areas; area < &areas[NVRAM_AREAS]; area++) {
        if (used(area) && memcmp(area->owner, owner, TV_HASH_BYTES) == 0) {
            found = area;
            break;
        }
        if (found == NULL && !used(area))
            found = area;
    }
    if (found == NULL || (found->holder != 0 && found->holder != pal + 1))
        return NULL;
    if (!used(found))
        memcpy(found->owner, owner, TV_HASH_BYTES);
    __atomic_store_n(&found->holder, pal + 1, __ATOMIC_RELEASE);
    return found;
}

enum tv_result nvram_read(uint32_t pal, const uint8_t owner[TV_HASH_BYTES], uint8_t out[TV_NV_BYTES])
{
    state_lock(&lock);
    const struct area *area = hold(pal, owner);
    if (area != NULL && area->writes > 0)
        memcpy(out, area->copy[area->writes % 2], TV_NV_BYTES);
    else
        memset(out, 0xff, TV_NV_BYTES);
    state_unlock(&lock);
    return area != NULL ? TV_OK : TV_ERROR;
}

enum tv_result nvram_write(uint32_t pal, const uint8_t owner[TV_HASH_BYTES], const uint8_t data[TV_NV_BYTES])
{
    state_lock(&lock);
    struct area *area = hold(pal, owner);
    if (area != NULL) {
        const uint32_t writes = area->writes < UINT32_MAX ? area->writes + 1 : 2;  // odd and even in turn, and never 0 again
        memcpy(area->copy[writes % 2], data, TV_NV_BYTES);
        __atomic_store_n(&area->writes, writes, __ATOMIC_RELEASE);  // from here on it is written
    }
    state_unlock(&lock);
    return area != NULL ? TV_OK : TV_ERROR;
}

void nvram_release(uint32_t pal)
{
    state_lock(&lock);
    for (struct area *area = areas; area < &areas[NVRAM_AREAS]; area++)
        if (area->holder == pal + 1)
            __atomic_store_n(&area->holder, 0u, __ATOMIC_RELEASE);
    state_unlock(&lock);
}

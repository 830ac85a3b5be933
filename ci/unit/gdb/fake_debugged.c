// SPDX-License-Identifier: BSD-2-Clause
// The partition that is debugged.
#include "fake_debugged.h"

#include <string.h>

#include "check.h"
#include "debugged.h"

union fake_image fake_image;
struct channel fake_channel[FAKE_CPUS];

void fake_debugged_load(void)
{
    memset(&fake_image, 0x90, PAGE_BYTES);
    memset(&fake_image.byte[PAGE_BYTES], 0, PAGE_BYTES);
    memset(fake_channel, 0, sizeof(fake_channel));
    strcpy(fake_image.header.name, "patient");
    fake_image.header.entry = FAKE_ENTRY;
}

void fake_debugged_check(void)
{
    static const struct channel empty;
    for (unsigned i = 0; i < FAKE_CPUS; i++)
        CHECK(memcmp(fake_channel[i].request, empty.request, sizeof(empty.request)) == 0);
}

static uint8_t *byte_at(uint64_t address, bool write)
{
    if (address >= IMAGE_BASE && address < IMAGE_BASE + sizeof(fake_image))
        return &fake_image.byte[address - IMAGE_BASE];
    for (unsigned i = 0; i < FAKE_CPUS; i++) {
        uint64_t offset = address - (CHANNEL_BASE + i * CHANNEL_STRIDE);
        if (offset < sizeof(struct channel) && !(write && offset < sizeof(fake_channel[i].request)))
            return (uint8_t *)&fake_channel[i] + offset;
    }
    return NULL;
}

bool debugged_read(uint64_t address, void *to, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++) {
        const uint8_t *byte = byte_at(address + i, false);
        if (byte == NULL)
            return false;
        ((uint8_t *)to)[i] = *byte;
    }
    return true;
}

bool debugged_write(uint64_t address, const void *from, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++) {
        uint8_t *byte = byte_at(address + i, true);
        if (byte == NULL)
            return false;
        *byte = ((const uint8_t *)from)[i];
    }
    return true;
}

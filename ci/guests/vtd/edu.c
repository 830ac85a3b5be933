// SPDX-License-Identifier: BSD-2-Clause
// The device and its DMA.
#include "edu.h"

#include "port.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u
#define DEVICES        32u
#define EDU_ID         0x11e81234u
#define CONFIG_COMMAND 4u
#define CONFIG_BAR0    0x10u
#define MASTER_MEMORY  6u

#define BUFFER         0x40000u      // where it is, as the device sees it
enum { SOURCE = 0x80, DESTINATION = 0x88, COUNT = 0x90, COMMAND = 0x98 };
enum { START = 1, TO_MEMORY = 2 };
#define LOOKS          1000000000u

static volatile uint8_t *registers;
static uint16_t source;

static uint32_t config_read(uint32_t device, uint32_t offset)
{
    out32(CONFIG_ADDRESS, CONFIG_ENABLE | device << 11 | offset);
    return in32(CONFIG_DATA);
}

static void config_write(uint32_t device, uint32_t offset, uint32_t value)
{
    out32(CONFIG_ADDRESS, CONFIG_ENABLE | device << 11 | offset);
    out32(CONFIG_DATA, value);
}

bool edu_find(void)
{
    uint32_t device = 0;
    while (device < DEVICES && config_read(device, 0) != EDU_ID)
        device++;
    if (device == DEVICES)
        return false;
    config_write(device, CONFIG_COMMAND, config_read(device, CONFIG_COMMAND) | MASTER_MEMORY);
    registers = (volatile uint8_t *)(uintptr_t)(config_read(device, CONFIG_BAR0) & ~15u);
    source = (uint16_t)(device << 3);
    return true;
}

uint16_t edu_source(void) { return source; }

static void write(unsigned offset, uint64_t value) { *(volatile uint64_t *)(registers + offset) = value; }

static bool copy(uint64_t from, uint64_t to, uint32_t bytes, uint64_t command)
{
    write(SOURCE, from);
    write(DESTINATION, to);
    write(COUNT, bytes);
    write(COMMAND, command | START);
    for (unsigned looks = 0; looks < LOOKS; looks++)
        if (!(*(volatile uint64_t *)(registers + COMMAND) & START))
            return true;
    return false;
}

bool edu_load(uint64_t address, uint32_t bytes) { return copy(address, BUFFER, bytes, 0); }
bool edu_store(uint64_t address, uint32_t bytes) { return copy(BUFFER, address, bytes, TO_MEMORY); }

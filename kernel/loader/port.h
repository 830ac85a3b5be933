// SPDX-License-Identifier: BSD-2-Clause
// Port I/O, a byte at a time (SDM 2A "IN", 2B "OUT").
#pragma once

#include <stdint.h>

static inline uint8_t port_in(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void port_out(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

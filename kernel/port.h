// SPDX-License-Identifier: BSD-2-Clause
// I/O ports.
#pragma once

#include <stdint.h>

#define PORT_ACCESSORS(bits, suffix)                                                             \
    static inline void port_out##bits(uint16_t port, uint##bits##_t value)                       \
    {                                                                                            \
        __asm__ volatile("out" suffix " %0, %1" : : "a"(value), "Nd"(port) : "memory");          \
    }                                                                                            \
    static inline uint##bits##_t port_in##bits(uint16_t port)                                    \
    {                                                                                            \
        uint##bits##_t value;                                                                    \
        __asm__ volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port) : "memory");           \
        return value;                                                                            \
    }
PORT_ACCESSORS(8, "b")
PORT_ACCESSORS(16, "w")
PORT_ACCESSORS(32, "l")
#undef PORT_ACCESSORS

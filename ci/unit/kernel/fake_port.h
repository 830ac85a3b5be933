// SPDX-License-Identifier: BSD-2-Clause
// The tests' I/O ports in the place of the machine's: included before every source of those that want them.
#pragma once

#include "../../../kernel/port.h"

void fake_port_out(uint16_t port, unsigned bytes, uint32_t value);
uint32_t fake_port_in(uint16_t port, unsigned bytes);

#define port_out8(port, value)  fake_port_out(port, 1, value)
#define port_out16(port, value) fake_port_out(port, 2, value)
#define port_out32(port, value) fake_port_out(port, 4, value)
#define port_in8(port)          ((uint8_t)fake_port_in(port, 1))
#define port_in16(port)         ((uint16_t)fake_port_in(port, 2))
#define port_in32(port)         fake_port_in(port, 4)

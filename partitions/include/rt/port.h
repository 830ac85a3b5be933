// SPDX-License-Identifier: BSD-2-Clause
// The registers of gdb's port, from its first on. Needs RIGHT_DEBUG.
#pragma once

#include <stdint.h>

#include <caps/debug.h>

uint8_t rt_port_read(uint32_t number);
void rt_port_write(uint32_t number, uint8_t value);

// SPDX-License-Identifier: BSD-2-Clause
// Text on COM1, by the port: for guests that don't call UEFI any more.
#pragma once

#include <stdint.h>

void serial_text(const char *text);
void serial_number(uint64_t value, unsigned base);  // 2 to 16
_Noreturn void power_off(void);
_Noreturn void reset_machine(void);  // by port 0xCF9: memory keeps what it has
